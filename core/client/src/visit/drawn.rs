//! The frames of this camera that others draw on, whose pictures are kept: until the pen is up, and a little longer.

use std::collections::HashMap;

use handlens_session::Moment;

/// Who said nothing of their drawing for so long is not drawing any more, µs.
const DRAWING_US: u64 = 60_000_000;
/// So long after the pen is up a picture is kept, µs: whoever drew still looks at it and may draw on it again, and the mark
/// itself comes by another, slower way.
const AFTER_US: u64 = 2_000_000;

/// By viewer: the frame, and until when it is kept.
#[derive(Debug, Default)]
pub(super) struct Drawn(HashMap<u64, (u64, Moment)>);

impl Drawn {
    /// Who draws on which frame, if it is one of this camera, and whether the pen is down. Of a quick stroke only its end is
    /// heard, since a newer record takes the place of one that did not arrive yet: that names the frame as well.
    pub(super) fn hear(&mut self, who: u64, frame_us: Option<u64>, down: bool, now: Moment) {
        let until = now.after_us(if down { DRAWING_US } else { AFTER_US });
        if let Some(frame_us) = frame_us {
            self.0.insert(who, (frame_us, until));
        } else if let Some((_, kept)) = self.0.get_mut(&who) {
            *kept = now.after_us(AFTER_US).min(*kept);
        }
    }

    /// The frames that are kept now, oldest first.
    pub(super) fn frames(&mut self, now: Moment) -> Vec<u64> {
        self.0.retain(|_, (_, until)| now < *until);
        let mut frames: Vec<u64> = self.0.values().map(|(frame_us, _)| *frame_us).collect();
        frames.sort_unstable();
        frames
    }

    /// Nothing is known of them any more: whoever still draws says so again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bugs: the picture was let go when the pen was up, and the next stroke on it, and a mark that took more than a second
    /// to draw, had nothing to be compared with; and it was not kept at all for a quick stroke.
    #[test]
    fn a_picture_is_kept_after_the_pen_is_up() {
        let at = |us| Moment::from_us(us);
        let mut drawn = Drawn::default();
        drawn.hear(1, Some(70), true, at(0));
        drawn.hear(2, Some(30), true, at(0));
        assert_eq!(drawn.frames(at(9_000_000)), [30, 70]);
        drawn.hear(1, Some(70), false, at(10_000_000));
        assert_eq!(drawn.frames(at(11_900_000)), [30, 70]);
        drawn.hear(1, Some(70), true, at(11_900_000));
        drawn.hear(2, None, true, at(11_900_000));
        assert_eq!(drawn.frames(at(14_000_000)), [70], "one draws on it again, the other on another camera");
        drawn.hear(1, Some(70), false, at(20_000_000));
        assert_eq!(drawn.frames(at(21_999_999)), [70]);
        assert!(drawn.frames(at(22_000_000)).is_empty());
        drawn.hear(3, Some(90), false, at(24_000_000));
        assert_eq!(drawn.frames(at(24_000_000)), [90], "only the end of a quick stroke was heard");
        drawn.hear(4, Some(50), true, at(24_000_000));
        assert_eq!(drawn.frames(at(80_000_000)), [50]);
        assert!(drawn.frames(at(84_000_000)).is_empty(), "who vanished draws no more");
    }
}
