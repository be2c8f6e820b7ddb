//! Predicted against measured, shape by shape.

pub mod allowances;
pub mod document;
pub mod features;
pub mod figures;
pub mod judge;
pub mod simulate;
