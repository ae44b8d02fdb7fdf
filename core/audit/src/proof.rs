//! Proofs about a log for whoever holds only checkpoints: that an entry is in it, and that one state continues another.
//!
//! The proofs are those of RFC 6962, sections 2.1.1 and 2.1.2, made and checked by `tlog_tiles`.

use tlog_tiles::{Error, HashReader, check_record, check_tree, prove_record, prove_tree, stored_hashes};

use crate::{Checkpoint, Hash, MAX_SIZE};

/// The most hashes a proof can have.
pub const MAX_PROOF: usize = 128;

/// All stored hashes of a log, in memory: about 64 bytes an entry.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    hashes: Hashes,
}

/// The proof cannot be made, or does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold")]
pub struct NoProof;

#[derive(Clone, Debug, Default)]
struct Hashes(Vec<Hash>);

impl Tree {
    /// Adds the bytes of the next entry.
    pub fn append(&mut self, entry: &[u8]) -> Result<(), NoProof> {
        let new = stored_hashes(self.size, entry, &self.hashes).map_err(|_| NoProof)?;
        self.hashes.0.extend(new);
        self.size += 1;
        Ok(())
    }

    /// The proof that entry `sequence` is among the first `size`.
    pub fn inclusion(&self, sequence: u64, size: u64) -> Result<Vec<Hash>, NoProof> {
        if sequence >= size || size > self.size {
            return Err(NoProof);
        }
        prove_record(size, sequence, &self.hashes).map_err(|_| NoProof)
    }

    /// The proof that the first `old` entries are the beginning of the first `new`.
    pub fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, NoProof> {
        if old == 0 || old > new || new > self.size {
            return Err(NoProof);
        }
        prove_tree(new, old, &self.hashes).map_err(|_| NoProof)
    }
}

/// Checks that the entry whose hash is `entry` stands at `sequence` in the log that `checkpoint` is of.
pub fn check_inclusion(checkpoint: &Checkpoint, sequence: u64, entry: Hash, proof: &[Hash]) -> Result<(), NoProof> {
    if proof.len() > MAX_PROOF || checkpoint.size > MAX_SIZE {
        return Err(NoProof);
    }
    check_record(&proof.to_vec(), checkpoint.size, checkpoint.root, sequence, entry).map_err(|_| NoProof)
}

/// Checks that `new` continues `old`: the same log, and nothing before `old.size` differs.
pub fn check_consistency(old: &Checkpoint, new: &Checkpoint, proof: &[Hash]) -> Result<(), NoProof> {
    if proof.len() > MAX_PROOF || new.size > MAX_SIZE || old.origin != new.origin {
        return Err(NoProof);
    }
    check_tree(&proof.to_vec(), new.size, new.root, old.size, old.root).map_err(|_| NoProof)
}

impl HashReader for Hashes {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, Error> {
        let read = |index: &u64| usize::try_from(*index).ok().and_then(|at| self.0.get(at)).copied();
        indexes.iter().map(read).collect::<Option<_>>().ok_or(Error::IndexesNotInTree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Frontier, Origin};

    fn grown(size: u64) -> (Tree, Vec<Checkpoint>) {
        let (mut tree, mut frontier) = (Tree::default(), Frontier::default());
        let origin = Origin::new("help.example/org/2026-11").unwrap();
        let checkpoints = (0..size).map(|n| {
            tree.append(&n.to_be_bytes()).unwrap();
            frontier.append(&n.to_be_bytes()).unwrap();
            Checkpoint { origin: origin.clone(), size: n + 1, root: frontier.root() }
        });
        let checkpoints = checkpoints.collect();
        (tree, checkpoints)
    }

    /// Every entry is proven into every later state, and nowhere else.
    #[test]
    fn inclusion_holds_for_the_entry_and_no_other() {
        let (tree, checkpoints) = grown(20);
        for checkpoint in &checkpoints {
            for sequence in 0..checkpoint.size {
                let proof = tree.inclusion(sequence, checkpoint.size).unwrap();
                let leaf = tlog_tiles::record_hash(&sequence.to_be_bytes());
                assert_eq!(check_inclusion(checkpoint, sequence, leaf, &proof), Ok(()));
                assert_eq!(check_inclusion(checkpoint, sequence, Hash([1; 32]), &proof), Err(NoProof));
                assert_eq!(check_inclusion(checkpoint, sequence + 1, leaf, &proof), Err(NoProof));
            }
        }
    }

    /// Every state is proven to continue every earlier one, and a state with another past is not.
    #[test]
    fn consistency_holds_for_a_continuation_and_no_other() {
        let (tree, checkpoints) = grown(20);
        for new in &checkpoints {
            for old in checkpoints.iter().take_while(|old| old.size <= new.size) {
                let proof = tree.consistency(old.size, new.size).unwrap();
                assert_eq!(check_consistency(old, new, &proof), Ok(()));
                let other = Checkpoint { root: Hash([1; 32]), ..old.clone() };
                assert_eq!(check_consistency(&other, new, &proof), Err(NoProof));
            }
        }
        assert_eq!(tree.consistency(3, 21), Err(NoProof));
    }
}
