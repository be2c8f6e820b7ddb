use std::cell::Cell;
use std::sync::Arc;

use parking_lot::Mutex;
use plimsoll_profiles::arrivals::Arrivals;
use proptest::prelude::*;

use super::inbox::Notice;
use super::*;

/// Time that passes only while somebody waits or works.
struct Virtual {
    now: Cell<Nanos>,
    stop_at: Nanos,
}

impl Virtual {
    fn new(stop_at: Nanos) -> Self {
        Virtual { now: Cell::new(Nanos::ZERO), stop_at }
    }

    fn work(&self, time: Nanos) {
        self.now.set(self.now.get() + time);
    }
}

impl Pace for Virtual {
    fn now(&self) -> Nanos {
        self.now.get()
    }

    fn wait_until<T>(&self, at: Option<Nanos>, inbox: &Inbox<T>) -> Wake {
        match inbox.notice() {
            Notice::Mail => return Wake::Mail,
            Notice::Stopped => return Wake::Stopped,
            Notice::Closed | Notice::None => {}
        }
        let Some(at) = at else { return Wake::Closed };
        let then = at.max(self.now.get());
        self.now.set(then.min(self.stop_at).max(self.now.get()));
        if then >= self.stop_at { Wake::Stopped } else { Wake::Due }
    }
}

/// Calls a function for what is sent, and keeps what is not.
struct Calls<F> {
    sent: F,
    unsent: Vec<Nanos>,
    starts_done: usize,
}

impl<T, F: FnMut(Timed<T>)> Sink<T> for Calls<F> {
    fn send(&mut self, operation: Timed<T>) {
        (self.sent)(operation);
    }

    fn unsent(&mut self, operation: Timed<T>) {
        self.unsent.push(operation.at);
    }

    fn starts_done(&mut self) {
        self.starts_done += 1;
    }
}

fn calls<T, F: FnMut(Timed<T>)>(sent: F) -> Calls<F> {
    Calls { sent, unsent: Vec::new(), starts_done: 0 }
}

fn alone(ordinal: u64, _: Nanos) -> Followed<u64> {
    Followed { start: ordinal, followers: Vec::new() }
}

fn arrivals(text: &str) -> Arrivals {
    text.parse().expect("a schedule")
}

#[test]
fn every_start_is_sent_at_its_intended_time_and_in_order() {
    let schedule = arrivals("10s@50/s, 20s@200/s");
    let pace = Virtual::new(Nanos::FOREVER);
    let mut sent = Vec::new();
    let mut sink = calls(|operation: Timed<u64>| sent.push((operation.what, operation.at, pace.now())));
    assert_eq!(dispatch(schedule.schedule(7), alone, &Inbox::default(), &pace, &mut sink), Ended::Done);
    assert_eq!((sink.unsent.len(), sink.starts_done), (0, 1));
    let intended: Vec<Nanos> = schedule.schedule(7).collect();
    assert_eq!(sent.len(), intended.len());
    for (index, (ordinal, at, now)) in sent.iter().enumerate() {
        assert_eq!((*ordinal, *at, *now), (index as u64, intended[index], intended[index]));
    }
}

#[test]
fn a_frozen_sender_loses_nothing_and_its_lag_shows() {
    let schedule = arrivals("10s@200/s");
    let pace = Virtual::new(Nanos::FOREVER);
    let freeze = Nanos::from_secs(2);
    let mut lags = Vec::new();
    let mut frozen_at = None;
    let mut sink = calls(|operation: Timed<u64>| {
        lags.push((operation.at, pace.now() - operation.at));
        if operation.at > Nanos::from_secs(5) && frozen_at.is_none() {
            frozen_at = Some(operation.at);
            pace.work(freeze);
        }
    });
    dispatch(schedule.schedule(1), alone, &Inbox::default(), &pace, &mut sink);
    assert_eq!(sink.unsent.len(), 0);
    let frozen_at = frozen_at.expect("it froze");
    assert_eq!(lags.len(), schedule.schedule(1).count());
    for (at, lag) in &lags {
        let expected = if *at > frozen_at { (frozen_at + freeze).saturating_sub(*at) } else { Nanos::ZERO };
        assert_eq!(*lag, expected, "intended at {at}");
    }
    let late = lags.iter().filter(|(_, lag)| *lag > Nanos::ZERO).count();
    let due = schedule.schedule(1).filter(|at| *at > frozen_at && *at < frozen_at + freeze).count();
    assert_eq!(late, due);
}

#[test]
fn followers_and_mail_come_at_their_own_time() {
    let times = [Nanos(10), Nanos(20), Nanos(20), Nanos(50)];
    let make = |ordinal: u64, _: Nanos| Followed {
        start: format!("start {ordinal}"),
        followers: vec![(Nanos(25), format!("late {ordinal}")), (Nanos::ZERO, format!("at once {ordinal}"))],
    };
    let inbox = Inbox::default();
    let pace = Virtual::new(Nanos::FOREVER);
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut sink = calls(|operation: Timed<String>| {
        if operation.what == "start 2" {
            inbox.add(Timed { at: Nanos(40), what: "mail".to_owned() });
            inbox.add(Timed { at: Nanos(5), what: "overdue".to_owned() });
        }
        order.lock().push((operation.at.0, operation.what));
    });
    assert_eq!(dispatch(times.into_iter(), make, &inbox, &pace, &mut sink), Ended::Done);
    let expected = [
        (10, "start 0"),
        (10, "at once 0"),
        (20, "start 1"),
        (20, "start 2"),
        (5, "overdue"),
        (20, "at once 1"),
        (20, "at once 2"),
        (35, "late 0"),
        (40, "mail"),
        (45, "late 1"),
        (45, "late 2"),
        (50, "start 3"),
        (50, "at once 3"),
        (75, "late 3"),
    ];
    assert_eq!(*order.lock(), expected.map(|(at, what)| (at, what.to_owned())));
}

#[test]
fn a_dispatcher_without_work_waits_for_the_inbox_until_it_is_closed() {
    let inbox: Inbox<u64> = Inbox::default();
    let clock = crate::clock::RunClock::start();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let thread = std::thread::spawn({
        let (inbox, sent) = (inbox.clone(), Arc::clone(&sent));
        move || {
            let mut sink = calls(|operation: Timed<u64>| sent.lock().push(operation.what));
            dispatch(std::iter::empty(), alone, &inbox, &RealTime::sleeping(clock), &mut sink)
        }
    });
    inbox.add(Timed { at: Nanos::ZERO, what: 1 });
    inbox.add(Timed { at: clock.now(), what: 2 });
    inbox.close();
    assert_eq!(thread.join().expect("the dispatcher"), Ended::Done);
    assert_eq!(*sent.lock(), [1, 2]);
}

proptest! {
    /// Sent and unsent together are exactly what was intended until the stop, however slow the sender is.
    #[test]
    fn nothing_due_before_a_stop_is_lost(seed: u64, stop_millis in 1u64..20_000, work_micros in 0u64..30_000) {
        let schedule = arrivals("5s@20/s, 5s@100/s..400/s");
        let pace = Virtual::new(Nanos::from_millis(stop_millis));
        let mut sent = Vec::new();
        let mut sink = calls(|operation: Timed<u64>| {
            sent.push(operation.at);
            pace.work(Nanos::from_micros(work_micros));
        });
        let ended = dispatch(schedule.schedule(seed), alone, &Inbox::default(), &pace, &mut sink);
        let unsent = sink.unsent;
        let until = match ended { Ended::Done => Nanos::FOREVER, Ended::Stopped(at) => at };
        let due: Vec<Nanos> = schedule.schedule(seed).take_while(|at| *at <= until).collect();
        sent.extend(unsent);
        prop_assert_eq!(sent, due);
    }
}
