//! One piece of a key frame, followed.

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
        Self { template, points: probes, place, home: place, fresh: true, check: true }
    }

    /// An anchor for a whole frame: what a frozen picture is followed by.
    pub(crate) fn whole(key: &Pyramid, place: Homography) -> Self {
        let template = Template::new(key, DVec2::ZERO, key.size(), &[]);
        let points = vec![key.size() / 2.0];
        Self { template, points, place, home: place, fresh: true, check: true }
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
            guesses.push(self.home);
            if search {
                guesses.extend(search::find(&self.template, now, &self.home));
            }
        }
        let mut ranked: Vec<(f64, Homography)> =
            guesses.iter().filter_map(|guess| Some((self.look(now, 2).correlation(guess)?, *guess))).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut missed = if ranked.is_empty() { Verdict::Away } else { Verdict::Missed };
        for (_, guess) in ranked.iter().take(2) {
            let Some(refined) = self.refine(now, guess, was_fresh) else { continue };
            let verdict = if self.check { self.judge(&refined.looks, was_fresh) } else { Verdict::Held };
            match verdict {
                Verdict::Held | Verdict::Hidden => {
                    // From where it was lost to where it is found again is no speed.
                    let before = if was_fresh { self.place } else { refined.aligned.map };
                    let deviation = self.doubt(&refined, &before);
                    self.place = refined.aligned.map;
                    let well = FOUND * self.template.textured() as f64;
                    if refined.looks.agreeing as f64 >= well && refined.looks.sharpness > SHARP {
                        self.home = refined.aligned.map;
                    }
                    self.fresh = true;
                    return Sight { deviation, ..self.sight(verdict) };
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
