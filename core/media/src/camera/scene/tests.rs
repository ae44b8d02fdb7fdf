//! That a scene's pictures show what its truth says.

use super::*;

const COFFEE: &[u8] = include_bytes!("../../../../../tests/data/coffee.jpg");
const SMALL: Size = Size::new(320, 180);

fn scene(script: Script) -> Scene {
    Scene::open(COFFEE, 7, SMALL, script).unwrap()
}

fn picture(scene: &Scene, capture_us: u64) -> Picture {
    let mut picture = Picture::default();
    scene.frame(capture_us, &mut picture);
    picture
}

/// Where a homography takes a point.
fn apply(map: [f64; 9], x: f64, y: f64) -> DVec2 {
    let [a, b, c, d, e, f, g, h, i] = map;
    let w = g * x + h * y + i;
    assert!(w > 0.0, "behind the camera");
    DVec2::new(a * x + b * y + c, d * x + e * y + f) / w
}

/// The centre of mass of a polygon: a square seen at a slant has it nearer to its near side.
fn middle(corners: [DVec2; 4]) -> DVec2 {
    let sides = (0..4).map(|index| (corners[index], corners[(index + 1) % 4]));
    let (sum, area) = sides.fold((DVec2::ZERO, 0.0), |(sum, area), (a, b)| {
        let part = (a - corners[0]).perp_dot(b - corners[0]);
        (sum + (a + b + corners[0]) / 3.0 * part, area + part)
    });
    sum / area
}

/// The same seed and time give the same picture; another seed or time another.
#[test]
fn a_picture_can_be_taken_again() {
    let first = picture(&scene(Script::default()), 1_000_000);
    let mut again = first.clone();
    let scene = scene(Script::default());
    scene.frame(2_000_000, &mut again);
    assert_ne!(first, again);
    scene.frame(1_000_000, &mut again);
    assert!(first == again);
    let other = Scene::open(COFFEE, 8, SMALL, Script::default()).unwrap();
    assert!(first != picture(&other, 1_000_000));
}

/// What is found in the picture, by its centre of mass, is where the truth says: to a tenth of a pixel of 1280 on a tripod,
/// to a seventh in a hand, whose way while the shutter is open is no straight line. Another time's truth is another place (the
/// control).
#[test]
fn the_truth_is_true() {
    const DOTS: [(u32, u32); 3] = [(600, 400), (440, 300), (760, 520)];
    let mut bytes = vec![90; 3 * 1_200 * 800];
    for (x, y) in DOTS {
        for row in y - 10..y + 10 {
            let from = 3 * (row * 1_200 + x - 10) as usize;
            bytes[from..from + 60].fill(235);
        }
    }
    let jpeg = still::encode_rgb(&still::Rgb { size: Size::new(1_200, 800), bytes }, 95).unwrap();
    let size = Scene::SIZE;
    let pixels = DVec2::new(f64::from(size.width), f64::from(size.height));
    let hand = Scene::open(&jpeg, 3, size, Script::default()).unwrap();
    let tripod = Scene::open(&jpeg, 3, size, Script { shake: 0.0, ..Script::default() }).unwrap();
    let (mut worst, mut control) = ([0.0_f64; 2], f64::INFINITY);
    for step in 0..12 {
        let (scene, index) = [(&tripod, 0), (&hand, 1)][step % 2];
        let capture_us = 500_000 + step as u64 * 370_000;
        let picture = picture(scene, capture_us);
        for (x, y) in DOTS {
            let [x, y] = [x, y].map(f64::from);
            let corners = [(x - 10.0, y - 10.0), (x + 10.0, y - 10.0), (x + 10.0, y + 10.0), (x - 10.0, y + 10.0)];
            let place = |us| middle(corners.map(|(x, y)| apply(scene.truth(us), x / 1_200.0, y / 800.0) * pixels));
            let truth = place(capture_us);
            let (mut sum, mut mass) = (DVec2::ZERO, 0.0);
            for row in truth.y as usize - 30..truth.y as usize + 30 {
                for column in truth.x as usize - 30..truth.x as usize + 30 {
                    let weight = f64::from(picture.planes().0[row * size.width as usize + column]) - 110.0;
                    // Far above the noise of the ground.
                    if weight > 12.0 {
                        sum += DVec2::new(column as f64 + 0.5, row as f64 + 0.5) * weight;
                        mass += weight;
                    }
                }
            }
            worst[index] = worst[index].max((sum / mass).distance(truth));
            if index == 1 {
                control = control.min((sum / mass).distance(place(capture_us + 33_333)));
            }
        }
    }
    println!("off by at most {worst:.3?} px; by the next frame's truth at least {control:.3} px");
    assert!(worst[0] < 0.1 && worst[1] < 0.15 && control > worst[1]);
}

/// For a minute nothing but the print is seen nearly all the time, and its middle always.
#[test]
fn the_camera_stays_over_the_print() {
    for seed in 0..8 {
        let scene = Scene::open(COFFEE, seed, SMALL, Script::default()).unwrap();
        let mut whole = 0;
        for step in 0..600 {
            let truth = scene.truth(step * 100_000);
            let middle = apply(truth, 0.5, 0.5);
            assert!(middle.cmpge(DVec2::ZERO).all() && middle.cmple(DVec2::ONE).all(), "seed {seed}: {middle}");
            let back = sight::rows(DMat3::from_cols_array(&truth).transpose().inverse());
            let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map(|(x, y)| apply(back, x, y));
            whole += u32::from(corners.iter().all(|at| at.cmpge(DVec2::ZERO).all() && at.cmple(DVec2::ONE).all()));
        }
        assert!(whole > 540, "seed {seed}: {whole} of 600");
    }
}

/// The pose and the lens lead to the same pixel as the truth, and what is carried from one picture to another as well.
#[test]
fn pose_lens_and_truth_agree() {
    let scene = scene(Script::default());
    let (early, late) = (1_000_000, 1_700_000);
    let Pose { position, orientation } = scene.pose(late);
    let [width, height] = scene.print();
    let place = glam::DVec3::new((0.3 - 0.5) * width, (0.5 - 0.6) * height, 0.0);
    let to_camera = glam::DQuat::from_array(orientation).inverse();
    let seen = to_camera * (place - glam::DVec3::from_array(position));
    let Intrinsics { focal, centre, size } = scene.intrinsics();
    let pixel = DVec2::new(centre[0] + focal[0] * seen.x / -seen.z, centre[1] - focal[1] * seen.y / -seen.z);
    let truth = apply(scene.truth(late), 0.3, 0.6);
    assert!((truth * DVec2::from_array(size)).distance(pixel) < 1e-9);
    let before = apply(scene.truth(early), 0.3, 0.6);
    assert!(apply(scene.carried(early, late), before.x, before.y).distance(truth) < 1e-9);
    let plane = scene.plane();
    assert_eq!((plane.check(), plane.polygon.len(), scene.intrinsics().check()), (Ok(()), 4, Ok(())));
}

/// A hand passes, looks like skin where it is said to be, and is gone; a switched light is seen; looking away shows the table.
#[test]
fn the_script_is_played() {
    let script = Script { hand: Some((1.0, 3.0)), away: Some((5.0, 7.0)), light: vec![3.5, 4.0], ..Script::default() };
    let scene = scene(script);
    let mean = |plane: &[u8]| plane.iter().map(|value| f64::from(*value)).sum::<f64>() / plane.len() as f64;
    let middle = Point { x: 0.5, y: 0.5 };
    assert!(scene.covered(2_000_000, middle) && !scene.covered(3_200_000, middle));
    let covered = picture(&scene, 2_000_000);
    let (_, cb, cr) = covered.planes();
    let at = 45 * 160 + 40;
    assert!(cb[at].abs_diff(hand::CHROMA[0]) < 8 && cr[at].abs_diff(hand::CHROMA[1]) < 8);
    let plain = Scene::open(COFFEE, 7, SMALL, Script::default()).unwrap();
    let brighter = |us| mean(picture(&scene, us).planes().0) - mean(picture(&plain, us).planes().0);
    assert_eq!([brighter(3_400_000), brighter(4_100_000)], [0.0, 0.0]);
    assert!(brighter(3_600_000) > 10.0, "{}", brighter(3_600_000));
    let away = picture(&scene, 6_000_000);
    let right: Vec<u8> = away.planes().0.chunks_exact(320).flat_map(|row| &row[240..]).copied().collect();
    assert!((mean(&right) - 82.0).abs() < 1.0, "{}", mean(&right));
}

/// What cannot be photographed is refused by name.
#[test]
fn what_cannot_be_is_refused() {
    let open = |jpeg, size, script| Scene::open(jpeg, 1, size, script).map(|_| ());
    assert!(matches!(open(b"GIF89a", SMALL, Script::default()), Err(Error::Photograph(_))));
    assert!(matches!(open(COFFEE, Size::new(321, 180), Script::default()), Err(Error::Size(_))));
    for script in [
        Script { shake: f64::NAN, ..Script::default() },
        Script { light: vec![f64::INFINITY], ..Script::default() },
        Script { hand: Some((0.0, f64::NAN)), ..Script::default() },
    ] {
        assert!(matches!(open(COFFEE, SMALL, script), Err(Error::Script)));
    }
}
