//! Photometric alignment to the key frame.
//!
//! Inverse-compositional Gauss–Newton (Baker & Matthews, *Lucas-Kanade 20 Years On*, 2004) over a homography or a
//! similarity, with a gain and a bias for exposure (Bartoli 2008) and Huber weights for what is not the plane. The key
//! frame's slopes are used, so what a hand does to the frame at hand cannot bend the normal equations, only lose weight.

use glam::{DMat3, DVec2};

use super::solve::{self, Matrix, SIDE};
use super::{Homography, LEVELS, Pyramid, Template};

/// Residuals beyond so many standard deviations count by their size, not its square (Huber 1964: 95 % efficient).
const HUBER: f64 = 1.345;
/// Standard deviation of a residual at least, grey levels: below it is rounding.
const QUIET: f64 = 1.0;
/// A step that moves the corners of the template less than this ends the iteration, pixels.
const STILL: f64 = 0.01;
/// Pixels that must be seen.
const SEEN: usize = 40;

/// What may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// Turn, scale and shift on top of what was guessed.
    Similarity,
    /// A plane seen from anywhere.
    Homography,
}

impl Model {
    /// Its number of unknowns.
    pub(crate) const fn unknowns(self) -> usize {
        match self {
            Self::Similarity => 4,
            Self::Homography => 8,
        }
    }

    /// How a point in the template's own coordinates moves with each unknown, at no motion.
    pub(crate) fn slopes(self, p: DVec2) -> [DVec2; 8] {
        let v = DVec2::new;
        match self {
            Self::Similarity => {
                let o = DVec2::ZERO;
                [p, v(-p.y, p.x), DVec2::X, DVec2::Y, o, o, o, o]
            }
            Self::Homography => {
                [v(p.x, 0.0), v(p.y, 0.0), DVec2::X, v(0.0, p.x), v(0.0, p.y), DVec2::Y, -p * p.x, -p * p.y]
            }
        }
    }

    fn matrix(self, s: &[f64; SIDE]) -> DMat3 {
        let rows = match self {
            Self::Similarity => [1.0 + s[0], s[1], 0.0, -s[1], 1.0 + s[0], 0.0, s[2], s[3], 1.0],
            Self::Homography => [1.0 + s[0], s[3], s[6], s[1], 1.0 + s[4], s[7], s[2], s[5], 1.0],
        };
        DMat3::from_cols_array(&rows)
    }
}

/// Exposure of the frame at hand against the key frame: `grey = gain × key + bias`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Light {
    pub(crate) gain: f64,
    pub(crate) bias: f64,
}

/// An alignment, and how sure it is.
#[derive(Debug, Clone)]
pub(crate) struct Aligned {
    /// Key frame to frame at hand.
    pub(crate) map: Homography,
    /// Exposure.
    pub(crate) light: Light,
    /// Covariance of the unknowns in the template's own coordinates.
    pub(crate) covariance: Matrix,
    /// What moved.
    pub(crate) model: Model,
}

impl Aligned {
    /// Standard deviation of where a point of the key frame is in the frame at hand, along its worst axis, pixels.
    pub(crate) fn deviation(&self, template: &Template, at: DVec2) -> f64 {
        let slopes = self.model.slopes((at - template.middle) / template.reach);
        let n = self.model.unknowns();
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for i in 0..n {
            for k in 0..n {
                let c = self.covariance[i][k];
                xx += slopes[i].x * c * slopes[k].x;
                xy += slopes[i].x * c * slopes[k].y;
                yy += slopes[i].y * c * slopes[k].y;
            }
        }
        let (mean, half) = ((xx + yy) / 2.0, (xx - yy) / 2.0);
        let worst = mean + libm::sqrt(half * half + xy * xy);
        libm::sqrt(worst.max(0.0)) * template.reach * self.map.scale(at).unwrap_or(1.0)
    }
}

/// How the alignment is run on one level.
pub(crate) struct Step<'a> {
    pub(crate) template: &'a Template,
    pub(crate) now: &'a Pyramid,
    /// Level of the template.
    pub(crate) level: usize,
    pub(crate) model: Model,
    /// Cells that take part; all if it is empty.
    pub(crate) cells: &'a [bool],
    /// Iterations at most.
    pub(crate) most: usize,
}

impl Step<'_> {
    /// Aligns from a guess. `None` when too little is seen, the equations are singular, or the map leaves reason.
    pub(crate) fn run(&self, guess: &Homography) -> Option<Aligned> {
        let template = self.template;
        let picture = self.now.level(matching_level(self.level, guess, template)?);
        let texels: Vec<_> = template.texels[self.level]
            .iter()
            .filter(|t| self.cells.is_empty() || self.cells[t.cell])
            .map(|t| (t, (t.at - template.middle) / template.reach, t.slope * template.reach))
            .collect();
        let outward = DMat3::from_cols_array(&[
            template.reach,
            0.0,
            0.0,
            0.0,
            template.reach,
            0.0,
            template.middle.x,
            template.middle.y,
            1.0,
        ]);
        let (n, inward) = (self.model.unknowns(), outward.inverse());
        let mut map = *guess;
        let mut last = None;
        let mut seen: Vec<(usize, f64)> = Vec::with_capacity(texels.len());
        for _ in 0..self.most {
            seen.clear();
            for (index, (texel, _, _)) in texels.iter().enumerate() {
                if let Some(grey) = map.apply(texel.at).and_then(|at| picture.sample(at.x, at.y)) {
                    seen.push((index, grey));
                }
            }
            if seen.len() < SEEN {
                return None;
            }
            let light = match last {
                None => light_of(seen.iter().map(|(index, grey)| (texels[*index].0.grey, *grey)))?,
                Some(Aligned { light, .. }) => light,
            };
            let residual = |index: usize, grey: f64| grey - light.gain * texels[index].0.grey - light.bias;
            let mut sizes: Vec<f64> = seen.iter().map(|(index, grey)| residual(*index, *grey).abs()).collect();
            let middle = sizes.len() / 2;
            let deviation = (1.4826 * *sizes.select_nth_unstable_by(middle, f64::total_cmp).1).max(QUIET);
            let (mut normal, mut right) = ([[0.0; SIDE]; SIDE], [0.0; SIDE]);
            let (mut square, mut weights) = (0.0, 0.0);
            for (index, grey) in &seen {
                let (texel, place, slope) = &texels[*index];
                let off = residual(*index, *grey);
                let weight = (HUBER * deviation / off.abs().max(1e-9)).min(1.0);
                let mut row = [0.0; SIDE];
                for (value, direction) in row.iter_mut().zip(&self.model.slopes(*place)[..n]) {
                    *value = light.gain * slope.dot(*direction);
                }
                row[n] = texel.grey / 64.0;
                row[n + 1] = 1.0;
                for i in 0..n + 2 {
                    let weighted = weight * row[i];
                    right[i] += weighted * off;
                    // The lower triangle is all that the solver reads.
                    for k in 0..=i {
                        normal[i][k] += weighted * row[k];
                    }
                }
                square += weight * off * off;
                weights += weight;
            }
            let mut covariance = solve::inverse(&normal, n + 2)?;
            let step = solve::product(&covariance, &right, n + 2);
            let moved = outward * self.model.matrix(&step) * inward;
            map = Homography::from_matrix(map.matrix() * moved.inverse())?;
            let scale = map.scale(template.middle)?;
            if !(0.1..=10.0).contains(&scale) {
                return None;
            }
            let variance = square / (weights - n as f64 - 2.0).max(1.0);
            covariance.iter_mut().flatten().for_each(|value| *value *= variance);
            let light = Light { gain: light.gain + step[n] / 64.0, bias: light.bias + step[n + 1] };
            if !(0.2..=5.0).contains(&light.gain) {
                return None;
            }
            last = Some(Aligned { map, light, covariance, model: self.model });
            let largest = step[..n].iter().fold(0.0_f64, |most, value| most.max(value.abs()));
            if largest * template.reach * scale < STILL * f64::from(1_u32 << self.level) {
                break;
            }
        }
        last
    }

    /// How well a guess fits on this level: the correlation of the template's steep pixels with what is there, −1 to 1.
    pub(crate) fn correlation(&self, guess: &Homography) -> Option<f64> {
        let picture = self.now.level(matching_level(self.level, guess, self.template)?);
        let texels = &self.template.texels[self.level];
        let grey = |at: DVec2| guess.apply(at).and_then(|at| picture.sample(at.x, at.y));
        let pairs: Vec<(f64, f64)> = texels.iter().filter_map(|t| Some((t.grey, grey(t.at)?))).collect();
        (pairs.len() >= SEEN / 2).then(|| Moments::of(pairs.iter().copied()).correlation())
    }
}

/// The level of the frame at hand whose pixels are as large as those of a template's level after the map; `None` when there
/// is no level that fine.
pub(crate) fn matching_level(level: usize, map: &Homography, template: &Template) -> Option<usize> {
    let scale = map.scale(template.middle)?;
    let finer = [0.35, 0.7].iter().filter(|limit| scale < **limit).count();
    let coarser = [1.41, 2.83, 5.66].iter().filter(|limit| scale > **limit).count();
    (level + coarser).checked_sub(finer).map(|matching| matching.min(LEVELS - 1))
}

/// Exposure by which one set of grey levels becomes another: from means and deviations, which does not mind outliers in pairs.
fn light_of(pairs: impl Iterator<Item = (f64, f64)>) -> Option<Light> {
    let moments = Moments::of(pairs);
    let gain = libm::sqrt((moments.yy / moments.xx.max(1e-9)).max(0.0)).clamp(0.4, 2.5);
    Some(Light { gain, bias: moments.y - gain * moments.x })
}

/// Means and central second moments of pairs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moments {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) xx: f64,
    pub(crate) xy: f64,
    pub(crate) yy: f64,
}

impl Moments {
    pub(crate) fn of(pairs: impl Iterator<Item = (f64, f64)>) -> Self {
        let (mut count, mut sum) = (0.0, Self::default());
        for (x, y) in pairs {
            count += 1.0;
            sum.x += x;
            sum.y += y;
            sum.xx += x * x;
            sum.xy += x * y;
            sum.yy += y * y;
        }
        let n = f64::max(count, 1.0);
        let (x, y) = (sum.x / n, sum.y / n);
        Self { x, y, xx: sum.xx / n - x * x, xy: sum.xy / n - x * y, yy: sum.yy / n - y * y }
    }

    pub(crate) fn correlation(&self) -> f64 {
        self.xy / libm::sqrt((self.xx * self.yy).max(1e-9))
    }
}
