//! M/M/10 on desru: boxed closures in its scheduler, state shared by `Rc<RefCell<_>>`, event log filtered off.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use desru::{Event, EventScheduler};

use crate::draws::QueueDraws;
use crate::mm10::{Outcome, Recorder, SERVERS, Task};

struct Station {
    draws: QueueDraws,
    record: Recorder,
    queue: VecDeque<u64>,
    busy: u32,
    to_arrive: u64,
}

type Shared = Rc<RefCell<Station>>;

fn arrive(scheduler: &mut EventScheduler, shared: &Shared) {
    let now = scheduler.current_time as u64;
    let station = &mut *shared.borrow_mut();
    station.to_arrive -= 1;
    if station.to_arrive > 0 {
        let gap = station.draws.inter_arrival().0;
        schedule(scheduler, gap, shared, arrive);
    }
    if station.busy < SERVERS {
        station.busy += 1;
        station.record.busy_servers(now, station.busy);
        station.record.wait(0);
        let service = station.draws.service().0;
        schedule(scheduler, service, shared, depart);
    } else {
        station.queue.push_back(now);
        station.record.queue_length(now, station.queue.len());
    }
}

fn depart(scheduler: &mut EventScheduler, shared: &Shared) {
    let now = scheduler.current_time as u64;
    let station = &mut *shared.borrow_mut();
    if let Some(arrived) = station.queue.pop_front() {
        station.record.queue_length(now, station.queue.len());
        station.record.wait(now - arrived);
        let service = station.draws.service().0;
        schedule(scheduler, service, shared, depart);
    } else {
        station.busy -= 1;
        station.record.busy_servers(now, station.busy);
    }
}

fn schedule(scheduler: &mut EventScheduler, delay: u64, shared: &Shared, action: fn(&mut EventScheduler, &Shared)) {
    let shared = Rc::clone(shared);
    let closure = move |scheduler: &mut EventScheduler| {
        action(scheduler, &shared);
        None
    };
    scheduler.schedule(Event::new(scheduler.current_time + delay as f64, Some(Box::new(closure)), None));
}

/// Simulates `task`.
///
/// # Panics
/// When desru keeps an event beyond the end of its run.
pub fn run(task: Task) -> Outcome {
    let shared = Rc::new(RefCell::new(Station {
        draws: QueueDraws::new(task.seed),
        record: Recorder::new(),
        queue: VecDeque::with_capacity(1024),
        busy: 0,
        to_arrive: task.customers,
    }));
    let mut scheduler = EventScheduler::new();
    let first = shared.borrow_mut().draws.inter_arrival().0;
    schedule(&mut scheduler, first, &shared, arrive);
    scheduler.run(Box::new(|_| false), Some(Box::new(|_, _| false)));
    let end = scheduler.current_time as u64;
    drop(scheduler);
    let station = Rc::into_inner(shared).expect("all events have run").into_inner();
    station.record.finish(end)
}
