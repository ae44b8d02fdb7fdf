//! One piece of a key frame, followed.

use glam::DVec2;

use super::align::{Aligned, Model, Step};
use super::appearance::{Looks, compare};
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
/// Contrast against the key frame's below which what is wrong is blur.
const SHARP: f64 = 0.7;
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

/// A piece of a key frame and where it is.
pub(crate) struct VisualAnchor {
    template: Template,
    points: Vec<DVec2>,
    /// Key frame to newest frame, as good as is known.
    place: Homography,
    /// The same when it was held last.
    held: Homography,
    /// Held in the last frame.
    fresh: bool,
    check: bool,
}

impl VisualAnchor {
    /// An anchor for `points` of a key frame (level 0 pixels), which is at `place` in the newest frame. Only what lies within
    /// `bounds` of the key frame is used.
    pub(crate) fn new(key: &Pyramid, points: &[DVec2], place: Homography, bounds: Option<(DVec2, DVec2)>) -> Self {
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
        Self { template, points: probes, place, held: place, fresh: true, check: true }
    }

    /// An anchor for a whole frame: what a frozen picture is followed by.
    pub(crate) fn whole(key: &Pyramid, place: Homography) -> Self {
        let template = Template::new(key, DVec2::ZERO, key.size(), &[]);
        let points = vec![key.size() / 2.0];
        Self { template, points, place, held: place, fresh: true, check: true }
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

    /// Looks for it in the next frame. `moved` is how the picture moved since the last, `posed` where the phone's pose would
    /// have it; `search` allows a look all over the picture if it is lost.
    pub(crate) fn observe(
        &mut self,
        now: &Pyramid,
        moved: Option<Homography>,
        posed: Option<Homography>,
        search: bool,
    ) -> Sight {
        let carried = moved.and_then(|motion| motion.after(&self.place));
        if self.template.textured() < BARE {
            self.fresh = false;
            self.place = posed.or(carried).unwrap_or(self.place);
            return self.sight(Verdict::Bare);
        }
        let was_fresh = self.fresh;
        let mut guesses: Vec<Homography> = [carried, posed, Some(self.place)].into_iter().flatten().collect();
        if !was_fresh {
            guesses.push(self.held);
            if search {
                guesses.extend(search::find(&self.template, now, &self.held));
            }
        }
        let mut ranked: Vec<(f64, Homography)> =
            guesses.iter().filter_map(|guess| Some((self.look(now, 2).correlation(guess)?, *guess))).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut missed = if ranked.is_empty() { Verdict::Away } else { Verdict::Missed };
        for (_, guess) in ranked.iter().take(2) {
            let Some((aligned, looks)) = self.refine(now, guess, was_fresh) else { continue };
            let verdict = if self.check { self.judge(&looks, was_fresh) } else { Verdict::Held };
            match verdict {
                Verdict::Held | Verdict::Hidden => {
                    self.place = aligned.map;
                    self.held = aligned.map;
                    self.fresh = true;
                    let deviations = self.points.iter().map(|at| aligned.deviation(&self.template, *at));
                    return Sight { deviation: deviations.fold(0.0, f64::max), ..self.sight(verdict) };
                }
                Verdict::Blurred | Verdict::Away => missed = verdict,
                Verdict::Missed | Verdict::Bare => {}
            }
        }
        self.fresh = false;
        self.place = posed.or(carried).unwrap_or(self.place);
        self.sight(missed)
    }

    fn look<'a>(&'a self, now: &'a Pyramid, level: usize) -> Step<'a> {
        Step { template: &self.template, now, level, model: Model::Similarity, cells: &[], most: 12 }
    }

    /// Coarse to fine with everything, then once more with the cells that are as they were.
    fn refine(&self, now: &Pyramid, guess: &Homography, fresh: bool) -> Option<(Aligned, Looks)> {
        let mut map = *guess;
        let coarsest = if fresh { 2 } else { LEVELS - 1 };
        let mut found = None;
        for level in (1..=coarsest).rev() {
            if let Some(aligned) = self.look(now, level).run(&map) {
                map = aligned.map;
                found = Some(aligned);
            }
        }
        let looks = compare(&self.template, now, &map, found.as_ref()?.light);
        let pick = if looks.agreeing >= BARE { looks.same } else { Vec::new() };
        let model = if looks.agreeing >= PERSPECTIVE { Model::Homography } else { Model::Similarity };
        for level in [1, 0] {
            if let Some(aligned) = (Step { model, cells: &pick, ..self.look(now, level) }).run(&map) {
                map = aligned.map;
                found = Some(aligned);
            }
        }
        let aligned = found?;
        let looks = compare(&self.template, now, &aligned.map, aligned.light);
        Some((aligned, looks))
    }

    fn judge(&self, looks: &Looks, fresh: bool) -> Verdict {
        if looks.judged < BARE {
            return Verdict::Away;
        }
        let wanted = if fresh { HELD } else { FOUND };
        if looks.agreement() < wanted || looks.agreeing < BARE {
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
