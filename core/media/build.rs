//! Says when OpenH264 is about to be built without its assembly: it still works, three times slower, and nothing else
//! would tell (`openh264-sys2` falls back in silence).

use std::process::{Command, Stdio};

#[expect(clippy::disallowed_methods, reason = "cargo configures a build script by variables")]
fn main() {
    let architecture = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let switched_off = std::env::var_os("OPENH264_NO_ASM").is_some();
    tell_cargo("rerun-if-env-changed=OPENH264_NO_ASM");
    tell_cargo("rerun-if-env-changed=PATH");
    tell_cargo("rerun-if-changed=build.rs");
    // ARM's assembly is built by the C compiler itself.
    if !matches!(architecture.as_str(), "x86" | "x86_64") {
        return;
    }
    if switched_off {
        tell_cargo("warning=OPENH264_NO_ASM is set: video is encoded three times slower");
    } else if !nasm_runs() {
        tell_cargo(
            "warning=no `nasm` on PATH: video is encoded three times slower. Install it (Debian: apt install nasm, macOS: \
             brew install nasm), then `cargo clean -p openh264-sys2` and build again",
        );
    }
}

fn nasm_runs() -> bool {
    let nasm = Command::new("nasm").arg("-v").stdout(Stdio::null()).stderr(Stdio::null()).status();
    nasm.is_ok_and(|status| status.success())
}

fn tell_cargo(line: &str) {
    println!("cargo::{line}");
}
