//! Payloads of exactly the profile's sizes.
//!
//! The size of a profile's payload is that of its data; the encoding's name (`binary/plain`, as every SDK writes byte
//! arrays) comes on top, as it does for any application. The bytes look random: what the calibration was measured with,
//! and what neither gRPC nor PostgreSQL (TOAST) makes smaller.

use std::collections::HashMap;
use std::sync::LazyLock;

use plimsoll_profiles::profile::{Profile, Step};
use plimsoll_profiles::random::Streams;
use plimsoll_profiles::units::Bytes;
use temporalio_common::protos::temporal::api::common::v1::Payload;

use super::message::fnv;
use crate::failure::Failure;

/// No gRPC message of Temporal is larger (server, `common/rpc/grpc.go`, `maxInternodeRecvPayloadSize`); namespaces allow 2 MiB
/// of payload by default (`limit.blobSize.error`), which the server itself refuses with a message of its own.
const LARGEST: Bytes = Bytes::mib(128);

/// Bytes of the run number that a continued run's input begins with.
pub const RUN_NUMBER_BYTES: usize = 4;

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut stream = Streams::new(0).stream("payload", "noise", 0);
    (0..(1 << 17)).flat_map(|_| stream.next_u64().to_le_bytes()).collect()
});

/// A payload of `size` bytes of data, the same for the same workflow and number.
pub fn of(size: Bytes, workflow_id: &str, number: u64) -> Payload {
    let hash = fnv(workflow_id.as_bytes()) ^ fnv(&number.to_le_bytes());
    let length = usize::try_from(size.0).unwrap_or(usize::MAX);
    let places = NOISE.len().saturating_sub(length) + 1;
    let from = usize::try_from(hash >> 32).unwrap_or(0) % places;
    let data = match NOISE.get(from..from.saturating_add(length)) {
        Some(piece) => piece.to_vec(),
        // Longer than the noise, which then repeats after 1 MiB: too far apart for any compressor here.
        None => NOISE.iter().cycle().take(length).copied().collect(),
    };
    plain(data)
}

/// The input of a continued run: as large as the first run's, with the run's number in its first bytes.
pub fn of_continued(size: Bytes, workflow_id: &str, run_number: u32) -> Payload {
    let size = size.max(Bytes(RUN_NUMBER_BYTES as u64));
    let mut payload = of(size, workflow_id, u64::from(run_number));
    payload.data[..RUN_NUMBER_BYTES].copy_from_slice(&run_number.to_le_bytes());
    payload
}

/// Reads the number that [`of_continued`] wrote; 0 when there is none.
pub fn run_number(input: Option<&Payload>) -> u32 {
    let first = input.and_then(|payload| payload.data.first_chunk::<RUN_NUMBER_BYTES>());
    first.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn plain(data: Vec<u8>) -> Payload {
    let metadata = HashMap::from([("encoding".to_owned(), b"binary/plain".to_vec())]);
    Payload { metadata, data, ..Payload::default() }
}

/// Refuses payloads that no message can carry.
pub(super) fn check(profile: &Profile) -> Result<(), Failure> {
    for workflow in &profile.workflows {
        let largest = largest(&workflow.steps).max(workflow.input).max(workflow.result);
        if largest > LARGEST {
            let text = format!(
                "workflow type {}: a payload of {largest} cannot be sent: no message of Temporal may be larger than {LARGEST}",
                workflow.name
            );
            return Err(Failure::usage(text));
        }
    }
    Ok(())
}

fn largest(steps: &[Step]) -> Bytes {
    let of_step = |step: &Step| match step {
        Step::Activity(activity) => activity.input.max(activity.output),
        Step::LocalActivity(local) => local.output,
        Step::WaitSignal(wait) => wait.payload,
        Step::Query(query) => query.output,
        Step::Update(update) => update.input.max(update.output),
        Step::UpsertSearchAttributes { payload, .. } | Step::SideEffect { payload, .. } => *payload,
        Step::Parallel(steps) | Step::Sequence(steps) | Step::Repeat { steps, .. } => largest(steps),
        Step::Branch(arms) => arms.iter().map(|arm| largest(&arm.steps)).max().unwrap_or_default(),
        Step::Timer(_) | Step::Child(_) | Step::ContinueAsNew { .. } => Bytes(0),
    };
    steps.iter().map(of_step).max().unwrap_or_default()
}
