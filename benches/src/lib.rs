//! Speed of Plimsoll's engine beside its peers: the models, the interleaved measurement and the report; and the accuracy suite.
//!
//! The binaries are `speed`, `counts` and `accuracy`; Criterion benches of the parts are in `benches/benches/`, the Python peers in `benches/peers/`.

pub mod accuracy;
pub mod contenders;
pub mod draws;
pub mod hold;
pub mod interleave;
pub mod machine;
pub mod mm10;
pub mod report;
pub mod scale;
pub mod temporal;
