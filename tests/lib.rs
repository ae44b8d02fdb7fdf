//! What the tests share: a real server process in a folder of its own.
