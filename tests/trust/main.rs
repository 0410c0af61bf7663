//! What docs/trust.md promises: gradients at any geometry, the same bits, nothing lost, nothing wrong let through.

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod faults;
mod geometries;
mod hostile;
#[cfg(unix)]
mod kills;
mod outside;
mod readers;
mod reference;
mod same_bits;
mod twice;
