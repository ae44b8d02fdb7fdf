//! Why the commitment is there: the attack it stops, carried out.
//!
//! GCM's tag is a polynomial in the key's own `H`, so for one block of ciphertext the block that gives the *same* tag
//! under two chosen keys is the solution of a linear equation in GF(2¹²⁸) (Dodis, Grubbs, Ristenpart, Woodage, "Fast
//! Message Franking", CRYPTO 2018). A sender could so show the technician one picture and the auditor another.

use super::*;
use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::BlockCipherEncrypt;

const LENGTHS: u128 = 128; // GCM's last block: no associated data, 128 bits of ciphertext

/// One ciphertext and tag that plain GCM opens under both keys, to two plaintexts. Behind either commitment the container
/// opens under that commitment's key and no other.
#[test]
fn a_container_opens_under_one_key_only() {
    let header = Header::new("org", None, "object", "snapshots").unwrap();
    let keys = [Key::from_bytes(&[1; KEY_LENGTH]), Key::from_bytes(&[2; KEY_LENGTH])];
    let salt = [7; SALT];

    let [(h1, mask1), (h2, mask2)] = keys.each_ref().map(|key| subkey_and_mask(key, &header, &salt));
    // C·H1² + L·H1 + mask1 = C·H2² + L·H2 + mask2, solved for the ciphertext block C.
    let inverse = invert(h1 ^ h2);
    let block = multiply(multiply(LENGTHS, h1 ^ h2) ^ mask1 ^ mask2, multiply(inverse, inverse));
    let tag = multiply(multiply(block, h1) ^ LENGTHS, h1) ^ mask1;
    let chunk = [block.to_be_bytes(), tag.to_be_bytes()].concat();

    // The control, without the safeguard: the chunk alone is authentic under both keys, and says two things.
    let [one, two] = keys.each_ref().map(|key| {
        let mut out = Vec::new();
        Chunks::new(key, &header, &salt).0.open(&chunk, &mut out).unwrap();
        out
    });
    assert_ne!(one, two);

    for (index, key) in keys.iter().enumerate() {
        let prefix = *Sealer::with_salt(key, &header, &salt).prefix();
        let container = [&prefix[..], &chunk].concat();
        assert!(open(key, &header, &container).is_ok());
        assert_eq!(open(&keys[1 - index], &header, &container), Err(Error::Commitment));
    }
}

/// GCM's `H` of the container's key, and what the first chunk's tag is masked with (NIST SP 800-38D sections 6.4 and 7.1).
fn subkey_and_mask(key: &Key, header: &Header, salt: &[u8]) -> (u128, u128) {
    let material = key.expand::<{ KEY_LENGTH + NONCE }>(&[INFO, salt, header.encoded()]);
    let cipher = Aes256::new(material[..KEY_LENGTH].try_into().unwrap());
    let encrypt = |block: [u8; 16]| {
        let mut block = block.into();
        cipher.encrypt_block(&mut block);
        u128::from_be_bytes(block.into())
    };
    let mut counter = [0; 16];
    counter[..NONCE].copy_from_slice(&material[KEY_LENGTH..]);
    counter[15] = 1;
    (encrypt([0; 16]), encrypt(counter))
}

/// Multiplication in GCM's field, its bits in GCM's order (NIST SP 800-38D, algorithm 1).
fn multiply(x: u128, y: u128) -> u128 {
    let (mut product, mut shifted) = (0, y);
    for bit in (0..128).rev() {
        product ^= shifted * ((x >> bit) & 1);
        shifted = (shifted >> 1) ^ ((0xe1 << 120) * (shifted & 1));
    }
    product
}

/// x to the power 2¹²⁸ − 2.
fn invert(x: u128) -> u128 {
    let (mut inverse, mut power) = (1 << 127, x);
    for _ in 1..128 {
        power = multiply(power, power);
        inverse = multiply(inverse, power);
    }
    inverse
}
