#![allow(clippy::unwrap_used)]

use super::*;
use plimsoll_profiles::random::Streams;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The same contract on the standard library's heap.
#[derive(Default)]
struct Oracle {
    heap: BinaryHeap<Reverse<(u64, u64)>>,
    sequence: u64,
}

impl Oracle {
    fn push(&mut self, time: u64) -> u64 {
        self.sequence += 1;
        self.heap.push(Reverse((time, self.sequence)));
        self.sequence
    }

    fn pop(&mut self) -> Option<(Nanos, u64)> {
        self.heap.pop().map(|Reverse((time, sequence))| (Nanos(time), sequence))
    }
}

/// Random pushes and pops with a drifting population, checked against the oracle at every step.
fn interleave(
    seed: u32,
    steps: usize,
    peak: usize,
    mut delay: impl FnMut(&mut plimsoll_profiles::random::Stream) -> u64,
) -> (usize, usize) {
    let mut stream = Streams::new(7).stream("queue", "interleaving", seed);
    let (mut queue, mut oracle) = (EventQueue::new(), Oracle::default());
    let mut now = 0;
    let (mut to_ladder, mut to_tree) = (0, 0);
    let mut growing = true;
    for step in 0..steps {
        if queue.len() >= peak || stream.below(3 * peak as u64) == 0 {
            growing = false;
        } else if queue.is_empty() || stream.below(3 * peak as u64) == 0 {
            growing = true;
        }
        let ladder_before = queue.ladder.is_some();
        if stream.below(16) < if growing { 13 } else { 3 } {
            let time = now + delay(&mut stream);
            queue.push(Nanos(time), oracle.push(time));
        } else {
            if step % 3 == 0 {
                assert_eq!(
                    queue.peek_time().map(|time| time.0),
                    oracle.heap.peek().map(|top| top.0.0),
                    "seed {seed} step {step}"
                );
            }
            let popped = queue.pop();
            assert_eq!(popped, oracle.pop(), "seed {seed} step {step}");
            now = popped.map_or(now, |(time, _)| time.0);
        }
        assert_eq!(queue.len(), oracle.heap.len());
        to_ladder += usize::from(!ladder_before && queue.ladder.is_some());
        to_tree += usize::from(ladder_before && queue.ladder.is_none());
    }
    while let Some(expected) = oracle.pop() {
        assert_eq!(queue.pop(), Some(expected), "seed {seed} at the end");
    }
    assert_eq!(queue.pop(), None);
    (to_ladder, to_tree)
}

#[test]
fn order_is_that_of_a_sorted_list_for_few_events() {
    for seed in 0..30 {
        // Beside one another: orders run out at equal times; spans too long for one word come and go.
        interleave(seed, 20_000, 12, |stream| stream.below(3));
        interleave(seed, 4_000, 12, |stream| 1 << stream.below(53));
        interleave(seed, 20_000, 20, |stream| stream.below(100));
        interleave(seed, 20_000, 60, |stream| stream.below(3));
        interleave(seed, 20_000, 60, |stream| 1 << stream.below(45));
        interleave(seed, 20_000, 240, |stream| stream.below(30));
        interleave(seed, 20_000, 300, |stream| stream.below(100));
        interleave(seed, 20_000, 900, |stream| stream.below(1_000));
    }
}

#[test]
fn order_is_that_of_a_sorted_list_while_the_form_changes_both_ways() {
    type Delay = fn(&mut plimsoll_profiles::random::Stream) -> u64;
    let delays: [(&str, Delay); 6] = [
        ("exponential", |stream| (stream.exponential() * 1e9) as u64),
        ("bimodal", |stream| {
            let long = stream.below(10) == 0;
            stream.below(if long { 1_000_000_000_000 } else { 100_000_000 })
        }),
        ("a few nanoseconds", |stream| stream.below(40)),
        ("all at once", |_| 0),
        ("powers of two", |stream| 1 << stream.below(45)),
        ("whole milliseconds", |stream| stream.below(50) * 1_000_000),
    ];
    for (name, delay) in delays {
        let mut switches = (0, 0);
        for seed in 0..4 {
            let (up, down) = interleave(seed, 120_000, 9_000, delay);
            switches = (switches.0 + up, switches.1 + down);
        }
        assert!(switches.0 > 2 && switches.1 > 2, "{name}: {switches:?}");
    }
}

/// A population of this size, of which the first event is always replaced by one after `delay`, against the oracle.
fn hold(pending: usize, holds: usize, mut delay: impl FnMut(usize, &mut plimsoll_profiles::random::Stream) -> u64) {
    let mut stream = Streams::new(8).stream("queue", "hold", 0);
    let (mut queue, mut oracle) = (EventQueue::new(), Oracle::default());
    for _ in 0..pending {
        let time = delay(0, &mut stream);
        queue.push(Nanos(time), oracle.push(time));
    }
    for step in 0..holds {
        let popped = queue.pop();
        assert_eq!(popped, oracle.pop(), "step {step}");
        let time = popped.unwrap().0.0.saturating_add(delay(step, &mut stream));
        queue.push(Nanos(time), oracle.push(time));
    }
    assert_eq!(queue.len(), pending);
}

#[test]
fn bucket_widths_follow_a_density_that_changes_a_million_times() {
    hold(20_000, 300_000, |step, stream| match step / 50_000 % 3 {
        0 => stream.below(1_000),
        1 => stream.below(1_000_000_000),
        _ => stream.below(1_000_000),
    });
    hold(50_000, 150_000, |_, stream| (stream.exponential() * 1e9) as u64);
}

#[test]
fn times_up_to_the_last_nanosecond_are_kept() {
    hold(6_000, 20_000, |_, stream| if stream.below(4) == 0 { u64::MAX } else { stream.below(1 << 60) });
    let mut queue = EventQueue::new();
    queue.push(Nanos::FOREVER, 1);
    queue.push(Nanos::FOREVER, 2);
    queue.push(Nanos::ZERO, 3);
    assert_eq!(queue.pop(), Some((Nanos::ZERO, 3)));
    assert_eq!(queue.pop_until(Nanos(5)), None);
    assert_eq!(queue.pop(), Some((Nanos::FOREVER, 1)));
    assert_eq!(queue.peek_time(), Some(Nanos::FOREVER));
    assert_eq!(queue.pop(), Some((Nanos::FOREVER, 2)));
    assert_eq!(queue.peek_time(), None);
}

#[test]
fn events_are_refused_only_for_their_number_and_for_a_distance_beyond_almost_five_hours() {
    let minutes = |minutes: u64| minutes * 60_000_000_000;
    let mut some = Some256::new();
    assert!(some.push(minutes(4_000), 0));
    assert!(some.push(minutes(4_293), 1) && !some.push(minutes(4_294), 2) && !some.push(minutes(3_999), 3));
    assert!((2..256).all(|n| some.push(minutes(4_000) + n % 5, n)) && !some.has_room());
    assert!(!some.push(minutes(4_001), 256));
    let order: Vec<u64> = some.drain().into_iter().map(|(_, event)| event).collect();
    let mut expected: Vec<u64> = (2..256).collect();
    expected.sort_by_key(|n| n % 5);
    expected.insert(0, 0);
    expected.push(1);
    assert_eq!(order, expected);
    assert!((0..9_000).all(|_| some.push(minutes(1), 7) && some.pop_until(u64::MAX) == Some((minutes(1), 7))));
}

#[test]
fn few_events_are_refused_only_for_their_number_and_for_a_distance_beyond_13_days() {
    let days = |days: u64| Nanos::from_secs(days * 86_400).0;
    let mut few = Few::new();
    assert!(few.push(days(400), 'a'));
    assert!(few.push(days(412), 'b') && few.push(days(400), 'c') && !few.push(days(414), 'd'));
    assert!(!few.push(days(398), 'e') && few.push(days(399), 'f'));
    assert!((4..16).all(|_| few.push(days(405), 'g')) && !few.push(days(405), 'h'));
    let order: String = few.drain().into_iter().map(|(_, event)| event).collect();
    assert_eq!(order, "facggggggggggggb");
    assert!((0..5_000).all(|_| few.push(days(1), 'i') && few.pop_until(u64::MAX) == Some((days(1), 'i'))));
}

#[test]
fn times_before_those_already_popped_are_accepted_in_either_form() {
    for pending in [10, 20_000] {
        let mut stream = Streams::new(9).stream("queue", "past", 0);
        let (mut queue, mut oracle) = (EventQueue::new(), Oracle::default());
        for step in 0..60_000 {
            let time = stream.below(1 << 40);
            queue.push(Nanos(time), oracle.push(time));
            if step > pending {
                assert_eq!(queue.pop(), oracle.pop());
            }
        }
        assert_eq!(queue.ladder.is_some(), pending > LADDER_ABOVE);
    }
}

#[test]
fn a_population_that_stays_between_the_thresholds_does_not_switch() {
    let mut stream = Streams::new(10).stream("queue", "hysteresis", 0);
    let mut queue = EventQueue::new();
    for size in [2_000, 3_500, 1_200, 4_000, 1_500] {
        while queue.len() > size {
            queue.pop();
        }
        while queue.len() < size {
            queue.push(Nanos(stream.below(1_000_000)), ());
        }
        assert!(queue.ladder.is_none(), "{size}");
    }
    (0..3_000).for_each(|_| queue.push(Nanos(stream.below(1_000_000)), ()));
    assert!(queue.ladder.is_some());
    while queue.len() > 2_000 {
        queue.pop();
    }
    assert!(queue.ladder.is_some());
    while queue.len() > 500 {
        queue.pop();
    }
    assert!(queue.ladder.is_none());
}
