//! What the session shows to this person. It is heard on two ways, over HTTPS and on the realtime plane's `state` track, and
//! either may be the slower one: without an order, a request that was answered would be heard again, and answered again.

use handlens_protocol::state::{Frozen, PhotoRequest};

/// The newest of both ways.
#[derive(Debug, Default)]
pub(super) struct Shown {
    revision: u64,
    frozen: Option<Frozen>,
    photo: Option<PhotoRequest>,
}

/// What is not as it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    /// The still both sides look at.
    pub(super) frozen: Option<Option<Frozen>>,
    /// The photo that is asked for.
    pub(super) photo: Option<Option<PhotoRequest>>,
}

impl Shown {
    /// Takes in what is so as of `revision`. `None` when something newer is known.
    pub(super) fn learn(
        &mut self,
        revision: u64,
        frozen: Option<Frozen>,
        photo: Option<PhotoRequest>,
    ) -> Option<Changed> {
        if revision < self.revision {
            return None;
        }
        let changed = Changed {
            frozen: (frozen != self.frozen).then_some(frozen),
            photo: (photo != self.photo).then_some(photo),
        };
        *self = Self { revision, frozen, photo };
        Some(changed)
    }

    /// The still both sides look at.
    pub(super) const fn frozen(&self) -> Option<Frozen> {
        self.frozen
    }
}

#[cfg(test)]
mod tests {
    use handlens_protocol::{ParticipantId, RequestId};

    use super::*;

    /// The bug: an answered request, heard once more on the slower way, was answered by a second photo.
    #[test]
    fn an_answered_request_is_not_heard_again() {
        let asked = PhotoRequest {
            id: RequestId::from_bytes([1; 16]),
            participant: ParticipantId::from_bytes([2; 16]),
            at_us: 3,
        };
        let mut shown = Shown::default();
        let first = shown.learn(7, None, Some(asked));
        assert_eq!(first, Some(Changed { frozen: None, photo: Some(Some(asked)) }));
        let same = shown.learn(7, None, Some(asked));
        assert_eq!(same, Some(Changed { frozen: None, photo: None }), "said on both ways, told once");
        let answered = shown.learn(8, None, None);
        assert_eq!(answered, Some(Changed { frozen: None, photo: Some(None) }));
        assert_eq!(shown.learn(7, None, Some(asked)), None, "the slower way");
    }
}
