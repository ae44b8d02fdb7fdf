//! The phone's core put together.
