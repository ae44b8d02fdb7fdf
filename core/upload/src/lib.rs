//! Resumable upload of sealed objects.
