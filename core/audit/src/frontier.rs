//! The compact frontier of an RFC 6962 Merkle tree: enough to append and to know the root, in O(log n) hashes.

use tlog_tiles::{EMPTY_HASH, Hash, node_hash, record_hash};

/// The largest log, and the largest integer anywhere in the format: 2^53 − 1.
pub const MAX_SIZE: u64 = (1 << 53) - 1;

/// The roots of the perfect subtrees that make up a tree, largest (and oldest) first: one for each bit set in the size.
///
/// Hashes as in RFC 6962, section 2.1: a leaf is `SHA-256(0x00 ‖ bytes)`, a node `SHA-256(0x01 ‖ left ‖ right)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// Why bytes or hashes are not a frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The size needs another number of hashes: one for each bit set in it.
    #[error("a tree of {size} leaves has {want} peaks, not {got}")]
    Peaks {
        /// Leaves.
        size: u64,
        /// Hashes it must have.
        want: usize,
        /// Hashes it has.
        got: usize,
    },
    /// Larger than [`MAX_SIZE`].
    #[error("the tree is full or larger than 2^53 - 1 leaves")]
    TooLarge,
    /// Not 8 bytes of size and a whole number of hashes.
    #[error("{0} bytes are not a size and whole hashes")]
    Length(usize),
}

impl Frontier {
    /// A frontier from its size and peaks, largest subtree first.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Result<Self, FrontierError> {
        let want = size.count_ones() as usize;
        if size > MAX_SIZE {
            return Err(FrontierError::TooLarge);
        }
        if peaks.len() != want {
            return Err(FrontierError::Peaks { size, want, got: peaks.len() });
        }
        Ok(Self { size, peaks })
    }

    /// Adds a leaf. The only error is a tree that is full.
    pub fn append(&mut self, leaf: &[u8]) -> Result<(), FrontierError> {
        if self.size >= MAX_SIZE {
            return Err(FrontierError::TooLarge);
        }
        // Each trailing one of the old size is a peak of the same height as what is being carried.
        let mut hash = record_hash(leaf);
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(left, hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
        Ok(())
    }

    /// The Merkle tree hash; of an empty tree the SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        self.peaks.iter().rev().copied().reduce(|right, left| node_hash(left, right)).unwrap_or(EMPTY_HASH)
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes, largest subtree first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Size as 8 bytes, big-endian, then the peaks.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.size.to_be_bytes().to_vec();
        for peak in &self.peaks {
            bytes.extend_from_slice(&peak.0);
        }
        bytes
    }

    /// What [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, rest) = bytes.split_first_chunk::<8>().ok_or(FrontierError::Length(bytes.len()))?;
        let (hashes, tail) = rest.as_chunks::<32>();
        if !tail.is_empty() {
            return Err(FrontierError::Length(bytes.len()));
        }
        let size = u64::from_be_bytes(*size);
        let want = size.count_ones() as usize;
        if hashes.len() != want {
            return Err(FrontierError::Peaks { size, want, got: hashes.len() });
        }
        Self::from_peaks(size, hashes.iter().copied().map(Hash).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frontier with a hash too many, too few, or half a hash is refused.
    #[test]
    fn only_what_was_written_is_read() {
        let mut frontier = Frontier::default();
        for leaf in 0_u8..11 {
            frontier.append(&[leaf]).unwrap();
        }
        let bytes = frontier.to_bytes();
        assert_eq!(Frontier::from_bytes(&bytes).unwrap(), frontier);
        for cut in 0..bytes.len() {
            assert!(Frontier::from_bytes(&bytes[..cut]).is_err());
        }
        assert!(Frontier::from_bytes(&[bytes.as_slice(), &[0; 32]].concat()).is_err());
        assert!(Frontier::from_bytes(&[0xff; 8 + 64 * 32]).is_err());
    }
}
