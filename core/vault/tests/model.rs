//! The vault against a model that is a list.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod world;

use handlens_protocol::{ObjectId, RequestId};
use handlens_seal::container;
use handlens_vault::{Error, Quota, Vault};
use proptest::prelude::*;
use world::{NOW, Place, picture};

#[derive(Debug, Clone)]
enum Step {
    Keep { length: usize, request: bool },
    Received(usize),
    Forget(usize),
    Discard(usize),
    Rest { later_us: u64 },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..300_000_usize, any::<bool>()).prop_map(|(length, request)| Step::Keep { length, request }),
        3 => any::<usize>().prop_map(Step::Received),
        2 => any::<usize>().prop_map(Step::Forget),
        1 => any::<usize>().prop_map(Step::Discard),
        1 => (0..50_u64).prop_map(|later_us| Step::Rest { later_us }),
        1 => Just(Step::Reopen),
    ]
}

const QUOTA: Quota = Quota { bytes: 1_000_000, objects: 6, age_us: 100 };

/// What must be there.
struct Copy {
    object: ObjectId,
    plaintext: Vec<u8>,
    request: Option<RequestId>,
    bytes: u64,
    kept_us: u64,
    received: bool,
}

#[derive(Default)]
struct Model(Vec<Copy>);

impl Model {
    /// Whether an object of `bytes` finds room, and who goes for it.
    fn make_room(&mut self, bytes: u64) -> bool {
        let fits = |copies: &[&Copy]| {
            let held: u64 = copies.iter().map(|copy| copy.bytes).sum();
            held + bytes <= QUOTA.bytes && (copies.len() as u64) < QUOTA.objects
        };
        let mut left: Vec<&Copy> = self.0.iter().collect();
        while !fits(&left) {
            let Some(oldest) = left.iter().position(|copy| copy.received) else { return false };
            left.remove(oldest);
        }
        let left: Vec<ObjectId> = left.iter().map(|copy| copy.object).collect();
        self.0.retain(|copy| left.contains(&copy.object));
        true
    }

    fn pick(&self, number: usize) -> Option<ObjectId> {
        (!self.0.is_empty()).then(|| self.0[number % self.0.len()].object)
    }

    fn agrees(&self, vault: &Vault) {
        let pending = vault.pending().unwrap();
        assert_eq!(pending.damaged, []);
        let told: Vec<_> = pending.ready.iter().map(|kept| (kept.object, kept.request, kept.kept_us)).collect();
        let waits = self.0.iter().filter(|copy| !copy.received);
        assert_eq!(told, waits.map(|copy| (copy.object, copy.request, Some(copy.kept_us))).collect::<Vec<_>>());
        for copy in &self.0 {
            vault.check(copy.object).unwrap();
            assert!(*vault.open_local(copy.object).unwrap() == copy.plaintext);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is done in whatever order, the vault holds what the list holds: the same objects, in order, whole.
    #[test]
    fn the_vault_is_a_list(steps in proptest::collection::vec(step(), 1..30)) {
        let place = Place::new();
        let mut vault = place.open_with(QUOTA);
        let mut model = Model::default();
        let mut gone = Vec::new();
        let mut now_us = NOW;
        for (seed, step) in (1..).zip(steps) {
            now_us += 10;
            match step {
                Step::Keep { length, request } => {
                    let (plaintext, bytes) = (picture(seed, length), container::sealed_length(length as u64).unwrap());
                    let request = request.then(|| RequestId::from_bytes([7; 16]));
                    let kept = vault.keep(&place.session.recipient, request, plaintext.clone().into(), now_us);
                    if model.make_room(bytes) {
                        let object = kept.unwrap();
                        model.0.push(Copy { object, plaintext, request, bytes, kept_us: now_us, received: false });
                    } else {
                        prop_assert!(matches!(kept, Err(Error::Full { .. })), "kept without room");
                    }
                }
                Step::Received(number) => if let Some(object) = model.pick(number) {
                    let receipt = place.session.verified(&vault.kept(object).unwrap());
                    vault.received(&receipt).unwrap();
                    model.0.iter_mut().filter(|copy| copy.object == object).for_each(|copy| copy.received = true);
                },
                Step::Forget(number) => if let Some(object) = model.pick(number) {
                    let receipt = place.session.verified(&vault.kept(object).unwrap());
                    vault.forget(&receipt).unwrap();
                    model.0.retain(|copy| copy.object != object);
                    gone.push(object);
                },
                Step::Discard(number) => if let Some(object) = model.pick(number) {
                    vault.discard(vault.kept(object).unwrap().sequence).unwrap();
                    model.0.retain(|copy| copy.object != object);
                    gone.push(object);
                },
                Step::Rest { later_us } => {
                    now_us += later_us;
                    vault.rest(now_us).unwrap();
                    model.0.retain(|copy| !copy.received || now_us - copy.kept_us <= QUOTA.age_us);
                }
                Step::Reopen => {
                    drop(vault);
                    vault = place.open_with(QUOTA);
                }
            }
            model.agrees(&vault);
        }
        for object in gone {
            prop_assert!(matches!(vault.kept(object), Err(Error::Unknown { .. })), "not gone");
        }
    }
}
