//! Sealed objects as files: what is too large for a row of the database. Never holds a key, a name or a word of what is
//! inside; a file's name is its object's id, its content a container that opens by the head in the object's row.
//!
//! ```text
//!  DATA/uploads/obj_…   written part by part, each flushed before it is acknowledged
//!       │ whole and checked: rename, both folders flushed, and only then the row says "stored"
//!       ▼
//!  DATA/objects/obj_…   never changed again
//! ```
//!
//! The row leads, the file follows: as many bytes as the row says are on the disk for good, and what a file has beyond that
//! was never acknowledged and is written over. Every call here runs off the runtime's threads.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use handlens_protocol::ObjectId;

use crate::store::make_private;

/// Why an object could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk or the folder.
    #[error("sealed objects: {0}")]
    Disk(#[from] io::Error),
    /// Bytes that were acknowledged are not there: the folder is not the one they were written to.
    #[error("an upload has {there} bytes on the disk, and {acknowledged} were acknowledged")]
    Lost {
        /// Bytes on the disk.
        there: u64,
        /// Bytes the row speaks of.
        acknowledged: u64,
    },
    /// The server is going down.
    #[error("the server is stopping")]
    Stopping,
}

/// The objects of an installation.
#[derive(Clone)]
pub struct Blobs(Arc<Folders>);

struct Folders {
    uploads: PathBuf,
    objects: PathBuf,
}

impl Blobs {
    /// In the data folder; makes its own folders where they are missing.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn open(data: &Path) -> Result<Self, Error> {
        let folders = Folders { uploads: data.join("uploads"), objects: data.join("objects") };
        make_private(&folders.uploads)?;
        make_private(&folders.objects)?;
        flush_folder(data)?;
        Ok(Self(Arc::new(folders)))
    }

    /// Writes a part behind the first `offset` bytes of an unfinished object. When this returns, the part survives a
    /// power cut. An object whose row never came to say "stored" is taken back first.
    ///
    /// # Errors
    /// [`Error::Lost`] when there are fewer bytes than `offset`; nothing was written then.
    pub async fn write(&self, id: ObjectId, offset: u64, part: Bytes) -> Result<(), Error> {
        let folders = Arc::clone(&self.0);
        off_thread(move || folders.write(id, offset, &part)).await
    }

    /// Looks into an unfinished object.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub async fn unfinished<T: Send + 'static>(
        &self,
        id: ObjectId,
        look: impl FnOnce(&mut File) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.0.uploads.join(id.to_string());
        off_thread(move || Ok(look(&mut File::open(path)?)?)).await
    }

    /// Looks into a finished object.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub async fn finished<T: Send + 'static>(
        &self,
        id: ObjectId,
        look: impl FnOnce(&mut File) -> io::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.0.objects.join(id.to_string());
        off_thread(move || Ok(look(&mut File::open(path)?)?)).await
    }

    /// Moves an object that is whole to its place. When this returns, that survives a power cut.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub async fn finish(&self, id: ObjectId) -> Result<(), Error> {
        let folders = Arc::clone(&self.0);
        off_thread(move || folders.rename(id, &folders.uploads, &folders.objects)).await
    }

    /// Throws what there is of an object away, wherever it lies.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove(&self, id: ObjectId) -> Result<(), Error> {
        let folders = Arc::clone(&self.0);
        off_thread(move || {
            remove(&folders.uploads, id)?;
            remove(&folders.objects, id)
        })
        .await
    }

    /// Throws an unfinished object away, if there is one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn discard(&self, id: ObjectId) -> Result<(), Error> {
        let folders = Arc::clone(&self.0);
        off_thread(move || remove(&folders.uploads, id)).await
    }

    /// Every unfinished object on the disk. A file with another name than an object's is left alone.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn list_unfinished(&self) -> Result<Vec<ObjectId>, Error> {
        let folder = self.0.uploads.clone();
        off_thread(move || list(&folder)).await
    }

    /// The same of finished ones.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn list_finished(&self) -> Result<Vec<ObjectId>, Error> {
        let folder = self.0.objects.clone();
        off_thread(move || list(&folder)).await
    }
}

impl Folders {
    fn write(&self, id: ObjectId, offset: u64, part: &[u8]) -> Result<(), Error> {
        let path = self.uploads.join(id.to_string());
        let mut options = OpenOptions::new();
        options.write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Moved to its place in the moment before a kill, and the row never heard of it.
                match self.rename(id, &self.objects, &self.uploads) {
                    Ok(()) => options.open(&path)?,
                    Err(Error::Disk(error)) if error.kind() == io::ErrorKind::NotFound => {
                        let file = options.create_new(true).open(&path)?;
                        flush_folder(&self.uploads)?;
                        file
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(error) => return Err(error.into()),
        };
        let there = file.metadata()?.len();
        if there < offset {
            return Err(Error::Lost { there, acknowledged: offset });
        }
        file.set_len(offset)?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(part)?;
        Ok(file.sync_all()?)
    }

    fn rename(&self, id: ObjectId, from: &Path, to: &Path) -> Result<(), Error> {
        std::fs::rename(from.join(id.to_string()), to.join(id.to_string()))?;
        flush_folder(&self.objects)?;
        flush_folder(&self.uploads)
    }
}

fn list(folder: &Path) -> Result<Vec<ObjectId>, Error> {
    let mut ids = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        ids.extend(entry?.file_name().to_str().and_then(|name| name.parse::<ObjectId>().ok()));
    }
    Ok(ids)
}

fn remove(folder: &Path, id: ObjectId) -> Result<(), Error> {
    match std::fs::remove_file(folder.join(id.to_string())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => flush_folder(folder),
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Stopping)?
}

/// A name has to survive a power cut as well.
fn flush_folder(folder: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const ID: ObjectId = ObjectId::from_bytes([7; 16]);

    fn content(file: &mut File) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Parts follow each other; what was never acknowledged is written over; what is missing is told, and nothing changes.
    #[tokio::test]
    async fn the_row_leads_and_the_file_follows() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        blobs.write(ID, 0, Bytes::from_static(b"first")).await.unwrap();
        blobs.write(ID, 5, Bytes::from_static(b" and a part that the row never heard of")).await.unwrap();
        blobs.write(ID, 5, Bytes::from_static(b" second")).await.unwrap();
        assert!(matches!(
            blobs.write(ID, 13, Bytes::from_static(b"x")).await,
            Err(Error::Lost { there: 12, acknowledged: 13 })
        ));
        assert_eq!(blobs.unfinished(ID, content).await.unwrap(), b"first second");
        assert_eq!(blobs.list_unfinished().await.unwrap(), [ID]);
        blobs.discard(ID).await.unwrap();
        blobs.discard(ID).await.unwrap();
        assert!(blobs.list_unfinished().await.unwrap().is_empty());
    }

    /// A kill between the move and the row: the next part takes the object back, and it is finished again.
    #[tokio::test]
    async fn an_object_whose_row_never_heard_of_it_is_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        blobs.write(ID, 0, Bytes::from_static(b"first last")).await.unwrap();
        blobs.finish(ID).await.unwrap();
        assert_eq!(blobs.finished(ID, content).await.unwrap(), b"first last");
        let blobs = Blobs::open(folder.path()).unwrap();
        blobs.write(ID, 5, Bytes::from_static(b" last")).await.unwrap();
        assert!(blobs.finished(ID, content).await.is_err());
        blobs.finish(ID).await.unwrap();
        assert_eq!(blobs.finished(ID, content).await.unwrap(), b"first last");
        assert_eq!(blobs.list_finished().await.unwrap(), [ID]);
        blobs.remove(ID).await.unwrap();
        assert!(blobs.list_finished().await.unwrap().is_empty());
    }
}
