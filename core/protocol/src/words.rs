//! The two words a patient asks the technician for, to know that the page is theirs.
//!
//! They are shown before anything is spent and are no secret from whoever holds the link: they tell a patient that the
//! person on the telephone and the page belong together. 256 plain words, so two of them are 16 bits.

/// The words for two random bytes, e.g. `river lemon`. The second is never the first again.
pub fn pair(random: [u8; 2]) -> String {
    let first = usize::from(random[0]);
    let second = usize::from(random[1]);
    let second = if second == first { (second + 1) % WORDS.len() } else { second };
    format!("{} {}", WORDS[first], WORDS[second])
}

#[rustfmt::skip]
const WORDS: [&str; 256] = [
    "river", "lemon", "apple", "bread", "chair", "table", "window", "garden",
    "flower", "tree", "cloud", "rain", "snow", "sun", "moon", "star",
    "ocean", "beach", "sand", "shell", "stone", "hill", "valley", "forest",
    "meadow", "bridge", "road", "path", "gate", "fence", "barn", "farm",
    "field", "wheat", "corn", "bean", "carrot", "potato", "onion", "pepper",
    "tomato", "melon", "peach", "pear", "plum", "grape", "cherry", "berry",
    "banana", "mango", "orange", "honey", "butter", "cheese", "milk", "cream",
    "sugar", "salt", "tea", "coffee", "soup", "salad", "pasta", "rice",
    "noodle", "cookie", "cake", "candy", "paper", "pencil", "crayon", "marker",
    "brush", "paint", "canvas", "book", "page", "letter", "stamp", "ticket",
    "basket", "bottle", "bucket", "button", "candle", "carpet", "clock", "coat",
    "collar", "comb", "cotton", "cup", "curtain", "cushion", "desk", "dish",
    "door", "drawer", "drum", "fan", "feather", "flag", "flute", "fork",
    "glass", "glove", "guitar", "hammer", "hat", "helmet", "jacket", "jar",
    "kettle", "key", "kite", "ladder", "lamp", "lantern", "leaf", "magnet",
    "map", "mirror", "mitten", "mug", "nail", "needle", "nest", "net",
    "oven", "paddle", "pan", "piano", "pillow", "plate", "pocket", "pot",
    "puzzle", "quilt", "radio", "ribbon", "ring", "robe", "rocket", "roof",
    "rope", "rug", "ruler", "sail", "saddle", "scarf", "shelf", "shirt",
    "shoe", "sled", "slipper", "soap", "sock", "sofa", "spoon", "string",
    "sweater", "teapot", "tent", "thread", "towel", "toy", "train", "tray",
    "trumpet", "tunnel", "umbrella", "vase", "velvet", "violin", "wagon", "wallet",
    "wheel", "whistle", "wool", "zipper", "anchor", "arrow", "badge", "balloon",
    "bell", "bench", "blanket", "boat", "bowl", "box", "branch", "broom",
    "cabin", "camel", "canoe", "castle", "cat", "chalk", "circle", "cliff",
    "coral", "cottage", "cow", "cricket", "crown", "daisy", "deer", "desert",
    "diamond", "dolphin", "donkey", "dragon", "duck", "eagle", "echo", "elbow",
    "engine", "falcon", "fern", "finch", "fox", "frog", "galaxy", "goat",
    "goose", "harbor", "hawk", "hedge", "heron", "horse", "igloo", "island",
    "ivory", "jungle", "kitten", "koala", "lake", "lark", "lily", "lion",
    "lizard", "llama", "lobster", "maple", "marble", "mint", "monkey", "moose",
    "mountain", "mouse", "oak", "olive", "otter", "owl", "oyster", "panda",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// No word twice, none that is hard to say, and never the same word twice in a pair.
    #[test]
    fn words_are_distinct_and_short() {
        let mut sorted = WORDS.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 256);
        assert!(WORDS.iter().all(|word| (3..=9).contains(&word.len())));
        for byte in 0..=255 {
            let words = pair([byte, byte]);
            let (first, second) = words.split_once(' ').unwrap();
            assert_ne!(first, second);
        }
    }
}
