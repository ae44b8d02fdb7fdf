//! The encrypted snapshot cache of a device.
