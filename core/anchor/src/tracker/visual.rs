//! One piece of a key frame, followed.

use std::sync::Arc;

use glam::DVec2;

use super::align::{Aligned, Model, Step};
use super::appearance::{Looks, compare};
use super::template::TEXTURED;
use super::{Homography, LEVELS, Pyramid, Template, search};

/// Half widths of the support around a mark that are tried, pixels: the smallest that holds well is taken, since a small
/// piece of the world is flatter than a large one.
const SUPPORTS: [f64; 3] = [90.0, 160.0, 400.0];
/// Textured cells a support should have.
const RICH: usize = 24;
/// Textured cells without which nothing can be said.
const BARE: usize = 6;
/// Textured, agreeing cells from which perspective is solved for; with fewer only turn, scale and shift are, on top of the
/// perspective that was guessed.
const PERSPECTIVE: usize = 12;
/// Part of the judged cells that must be as they were: while it is held, and to be found again.
const HELD: f64 = 0.4;
const FOUND: f64 = 0.6;
/// Cells that are enough to be found again, however many there are.
const REFOUND: f64 = 16.0;
/// Contrast against the key frame's below which what is wrong is blur.
const SHARP: f64 = 0.7;
/// How doubt grows with the distance from what was seen, pixels per pixel: outside the box around it, and inside the box
/// beyond [`REACH`] from the nearest cell.
const OUTSIDE: f64 = 0.01;
const BETWEEN: f64 = 0.001;
const REACH: f64 = 22.0;
/// How doubt grows with speed, pixels per pixel the mark has moved since the last frame: blur, and rows read one after
/// another.
const SPEED: f64 = 0.012;
/// How much of the difference between two models is doubt.
const MODEL_DOUBT: f64 = 0.3;
/// Guesses nearer than this are one, pixels.
const SAME: f64 = 1.0;
/// As near to where a pose would have it as this it is not the next tile, pixels.
const BY_POSE: f64 = 12.0;
/// The part of the way to the next like place that motion may be in one frame.
const SLOW: f64 = 0.25;
/// Frames after which motion alone no longer says which of several alike places is the one.
const CARRIED: u32 = 5;
/// Points of a mark that are looked at.
const PROBES: usize = 12;

/// What a look at one frame came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is there, and looks like it.
    Held,
    /// The surroundings are there, something is in front of the mark itself.
    Hidden,
    /// Too blurred to say.
    Blurred,
    /// There never was enough to hold on to.
    Bare,
    /// Too little of it is in the picture.
    Away,
    /// Not found.
    Missed,
}

/// One look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sight {
    pub(crate) verdict: Verdict,
    /// Key frame to this frame, as good as is known.
    pub(crate) map: Homography,
    /// Standard deviation of the mark's worst point, pixels; only with [`Verdict::Held`].
    pub(crate) deviation: f64,
}

/// An alignment that was compared.
struct Refined {
    aligned: Aligned,
    looks: Looks,
    /// What the similarity alone came to.
    other: Homography,
}

/// A piece of a key frame and where it is.
pub(crate) struct VisualAnchor {
    template: Template,
    points: Vec<DVec2>,
    /// Key frame to newest frame, as good as is known.
    place: Homography,
    /// The same when it was last seen well: what it is looked for with when it is lost.
    home: Homography,
    /// Held in the last frame.
    fresh: bool,
    /// Frames since it was held.
    unheld: u32,
    /// The key frame, until it was examined.
    unexamined: Option<Arc<Pyramid>>,
    /// How far away the next place of the key frame is that looks like it, if there is one, pixels.
    spacing: Option<f64>,
    /// It repeats, and nobody knows any longer which of these places is the one.
    adrift: bool,
    check: bool,
}

impl VisualAnchor {
    /// An anchor for `points` of a key frame (level 0 pixels), which is at `place` in the newest frame. Only what lies within
    /// `bounds` of the key frame is used.
    pub(crate) fn new(key: &Arc<Pyramid>, points: &[DVec2], place: Homography, bounds: Option<(DVec2, DVec2)>) -> Self {
        let (low, high) = bounds.unwrap_or((DVec2::ZERO, key.size()));
        let from = points.iter().copied().reduce(DVec2::min).unwrap_or(low);
        let to = points.iter().copied().reduce(DVec2::max).unwrap_or(high);
        let step = points.len().div_ceil(PROBES).max(1);
        let probes: Vec<DVec2> = points.iter().step_by(step).copied().collect();
        let around = |reach: f64| {
            let middle = (from + to) / 2.0;
            let half = ((to - from) / 2.0 + reach / 2.0).max(DVec2::splat(reach));
            // At the picture's edge the support keeps its size and moves inward.
            let half = half.min((high - low) / 2.0);
            let middle = middle.clamp(low + half, high - half);
            Template::new(key, middle - half, middle + half, &probes)
        };
        let mut template = around(SUPPORTS[0]);
        for reach in &SUPPORTS[1..] {
            if template.textured() >= RICH {
                break;
            }
            template = around(*reach);
        }
        Self::of(template, probes, place, key)
    }

    /// An anchor for a whole frame: what a frozen picture is followed by.
    pub(crate) fn whole(key: &Arc<Pyramid>, place: Homography) -> Self {
        let template = Template::new(key, DVec2::ZERO, key.size(), &[]);
        let points = vec![key.size() / 2.0];
        Self::of(template, points, place, key)
    }

    fn of(template: Template, points: Vec<DVec2>, place: Homography, key: &Arc<Pyramid>) -> Self {
        let unexamined = Some(Arc::clone(key));
        let (spacing, unheld) = (None, 0);
        let (fresh, adrift, check) = (true, false, true);
        Self { template, points, place, home: place, fresh, unheld, unexamined, spacing, adrift, check }
    }

    /// Looks, once, whether there are places in the key frame that look like it. `false`: that was known. It takes longer
    /// than to follow it through a frame, so one anchor a frame has its turn.
    pub(crate) fn examine(&mut self) -> bool {
        let Some(key) = self.unexamined.take() else { return false };
        self.spacing = self.spacing_in(&key);
        true
    }

    /// How far from itself it would be found in its own key frame as well, if it would be.
    fn spacing_in(&self, key: &Pyramid) -> Option<f64> {
        let away = |guess: &Homography| {
            let found = self.refine(key, guess, false)?;
            let held = matches!(self.judge(&found.looks, false), Verdict::Held | Verdict::Hidden);
            let away = found.aligned.map.apply(self.template.middle)?.distance(self.template.middle);
            (held && away > BY_POSE).then_some(away)
        };
        search::elsewhere(&self.template, key).iter().filter_map(away).min_by(f64::total_cmp)
    }

    /// Says that its place is a guess: it has to be found like one that was lost.
    pub(crate) fn guessed(mut self, guessed: bool) -> Self {
        if guessed {
            self.examine();
        }
        self.fresh = !guessed;
        self.adrift = guessed && self.spacing.is_some();
        self
    }

    /// Takes the check of appearance away, to show what it is good for.
    pub(crate) fn unchecked(mut self) -> Self {
        self.check = false;
        self
    }

    /// Key frame to newest frame, as good as is known.
    pub(crate) fn place(&self) -> Homography {
        self.place
    }

    /// Whether it was held in the newest frame.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Looks for it in the next frame. `moved` is how the picture moved since the last, `posed` where the phone's pose would
    /// have it and how sure that is (half width of the 95 % error, pixels); `search` allows a look all over the picture if
    /// it is lost.
    pub(crate) fn observe(
        &mut self,
        now: &Pyramid,
        moved: Option<Homography>,
        posed: Option<(Homography, f64)>,
        search: bool,
    ) -> Sight {
        let sure = posed.filter(|(_, error)| *error < BY_POSE).map(|(map, _)| map);
        let posed = posed.map(|(map, _)| map);
        let carried = moved.and_then(|motion| motion.after(&self.place));
        if self.template.textured() < BARE {
            return self.lose(Verdict::Bare, posed, carried);
        }
        let was_fresh = self.fresh;
        let mut guesses = Vec::with_capacity(5);
        if let Some(spacing) = self.spacing {
            // Among tiles only a sure pose says which of them it is, or what is known of the motion: for a while, and while
            // it is too slow to be mistaken for its opposite.
            let middle = self.template.middle;
            let moved = carried.and_then(|carried| Some(carried.apply(middle)?.distance(self.place.apply(middle)?)));
            self.adrift |= self.unheld > CARRIED || moved.is_none_or(|moved| moved > SLOW * spacing);
            guesses.extend(sure.or(carried.filter(|_| !self.adrift)));
        } else {
            guesses.extend([carried, posed, Some(self.place)].into_iter().flatten());
            if !was_fresh {
                guesses.push(self.home);
                if search {
                    guesses.extend(search::find(&self.template, now, &self.home));
                }
            }
        }
        let mut ranked: Vec<(f64, Homography)> =
            guesses.iter().filter_map(|guess| Some((self.look(now, 2).correlation(guess)?, *guess))).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        // A camera that rests has the same guess by motion, by where it was and by where it was seen well.
        ranked.dedup_by(|(_, one), (_, other)| self.is_same(one, other, SAME));
        let mut missed = match (self.adrift, ranked.is_empty()) {
            (true, _) => Verdict::Bare,
            (false, true) => Verdict::Away,
            (false, false) => Verdict::Missed,
        };
        for (_, guess) in ranked.iter().take(2) {
            let Some(refined) = self.refine(now, guess, was_fresh) else { continue };
            match self.judge(&refined.looks, was_fresh) {
                Verdict::Held | Verdict::Hidden
                    if self.spacing.is_some() && !self.is_same(&refined.aligned.map, guess, BY_POSE) => {}
                verdict @ (Verdict::Held | Verdict::Hidden) => {
                    // From where it was lost to where it is found again is no speed.
                    let before = if was_fresh { self.place } else { refined.aligned.map };
                    let deviation = self.doubt(&refined, &before);
                    self.place = refined.aligned.map;
                    let well = FOUND * self.template.textured() as f64;
                    if refined.looks.agreeing as f64 >= well && refined.looks.sharpness > SHARP {
                        self.home = refined.aligned.map;
                    }
                    (self.fresh, self.adrift, self.unheld) = (true, false, 0);
                    return Sight { deviation, ..self.sight(verdict) };
                }
                verdict @ (Verdict::Blurred | Verdict::Away) => missed = verdict,
                Verdict::Missed | Verdict::Bare => {}
            }
        }
        self.lose(missed, posed, carried)
    }

    fn lose(&mut self, verdict: Verdict, posed: Option<Homography>, carried: Option<Homography>) -> Sight {
        self.fresh = false;
        self.unheld += 1;
        self.place = posed.or(carried).unwrap_or(self.place);
        self.sight(verdict)
    }

    /// Whether two maps bring the template to the same place.
    fn is_same(&self, one: &Homography, other: &Homography, px: f64) -> bool {
        let Template { middle, reach, .. } = self.template;
        [middle, middle + reach].iter().all(|at| match (one.apply(*at), other.apply(*at)) {
            (Some(a), Some(b)) => a.distance(b) < px,
            _ => false,
        })
    }

    fn look<'a>(&'a self, now: &'a Pyramid, level: usize) -> Step<'a> {
        Step { template: &self.template, now, level, model: Model::Similarity, cells: &[], most: 12 }
    }

    /// Coarse to fine with everything, then once more with the cells that are as they were.
    fn refine(&self, now: &Pyramid, guess: &Homography, fresh: bool) -> Option<Refined> {
        let mut map = *guess;
        let coarsest = if fresh { 2 } else { LEVELS - 1 };
        let mut found: Option<Aligned> = None;
        for level in (1..=coarsest).rev() {
            if let Some(aligned) = self.look(now, level).run(&map) {
                map = aligned.map;
                found = Some(aligned);
            }
        }
        let looks = compare(&self.template, now, &map, found.as_ref()?.light);
        let pick = if looks.agreeing >= BARE { &looks.same[..] } else { &[] };
        let mut aligned = found?;
        let mut improve = |model, level, map: &mut Homography| {
            if let Some(better) = (Step { model, cells: pick, ..self.look(now, level) }).run(map) {
                *map = better.map;
                aligned = better;
            }
        };
        improve(Model::Similarity, 0, &mut map);
        let other = map;
        if looks.agreeing >= PERSPECTIVE {
            improve(Model::Homography, 1, &mut map);
            improve(Model::Homography, 0, &mut map);
        }
        let looks = compare(&self.template, now, &aligned.map, aligned.light);
        Some(Refined { aligned, looks, other })
    }

    /// Standard deviation of the mark's worst point, pixels: what the alignment itself says; how much another model would move
    /// it; how far it is from anything that was seen; and more of all of it in a blur.
    fn doubt(&self, refined: &Refined, before: &Homography) -> f64 {
        let Refined { aligned, looks, other } = refined;
        let cells = self.template.cells.iter().zip(&looks.same);
        let seen: Vec<DVec2> =
            cells.filter(|(c, same)| **same && c.contrast >= TEXTURED).map(|(c, _)| c.middle).collect();
        let low = seen.iter().copied().reduce(DVec2::min).unwrap_or_default() - REACH;
        let high = seen.iter().copied().reduce(DVec2::max).unwrap_or_default() + REACH;
        let worst = self.points.iter().map(|at| {
            let own = aligned.deviation(&self.template, *at);
            let model = match (aligned.map.apply(*at), other.apply(*at)) {
                (Some(one), Some(two)) => MODEL_DOUBT * one.distance(two),
                _ => f64::INFINITY,
            };
            let nearest = seen.iter().map(|cell| cell.distance(*at)).fold(f64::INFINITY, f64::min);
            let outside = (*at - at.clamp(low, high)).length();
            let far = OUTSIDE * outside + BETWEEN * (nearest - REACH).max(0.0);
            let speed = match (aligned.map.apply(*at), before.apply(*at)) {
                (Some(one), Some(two)) => SPEED * one.distance(two),
                _ => f64::INFINITY,
            };
            libm::sqrt(own * own + model * model + far * far + speed * speed)
        });
        let blur = looks.sharpness.clamp(0.3, 1.0);
        worst.fold(0.0, f64::max) / (blur * blur)
    }

    fn judge(&self, looks: &Looks, fresh: bool) -> Verdict {
        if !self.check {
            return Verdict::Held;
        }
        if looks.judged < BARE {
            return Verdict::Away;
        }
        // Little of it is enough to go on, not to begin again.
        let most = FOUND * self.template.textured() as f64;
        let (part, cells) = if fresh { (HELD, BARE as f64) } else { (FOUND, most.min(REFOUND)) };
        if looks.agreement() < part || (looks.agreeing as f64) < cells {
            return if looks.sharpness < SHARP { Verdict::Blurred } else { Verdict::Missed };
        }
        if looks.shows_mark() {
            Verdict::Held
        } else if looks.sharpness < SHARP {
            Verdict::Blurred
        } else {
            Verdict::Hidden
        }
    }

    fn sight(&self, verdict: Verdict) -> Sight {
        Sight { verdict, map: self.place, deviation: 0.0 }
    }
}
