//! M/M/10 on simu-des: a process per customer that requests one of ten units of a `Resource`.
//!
//! Its queue is inside the resource, so queue length and busy servers are counted where the process passes.

use std::cell::RefCell;
use std::rc::Rc;

use simu::{EnvHandle, Resource, SimEnv};

use crate::draws::QueueDraws;
use crate::mm10::{Outcome, Recorder, SERVERS, Task};

struct Station {
    draws: QueueDraws,
    record: Recorder,
    waiting: usize,
    busy: u32,
}

type Shared = Rc<RefCell<Station>>;

async fn customer(env: EnvHandle, servers: Resource, shared: Shared) {
    let arrived = env.now() as u64;
    let must_wait = servers.in_use() == SERVERS as usize;
    if must_wait {
        let station = &mut *shared.borrow_mut();
        station.waiting += 1;
        station.record.queue_length(arrived, station.waiting);
    }
    let unit = servers.request().await;
    let service = {
        let now = env.now() as u64;
        let station = &mut *shared.borrow_mut();
        if must_wait {
            station.waiting -= 1;
            station.record.queue_length(now, station.waiting);
        } else {
            station.busy += 1;
            station.record.busy_servers(now, station.busy);
        }
        station.record.wait(now - arrived);
        station.draws.service().0
    };
    env.timeout(service as f64).await;
    let queue_is_empty = servers.queue_len() == 0;
    drop(unit);
    if queue_is_empty {
        let station = &mut *shared.borrow_mut();
        station.busy -= 1;
        station.record.busy_servers(env.now() as u64, station.busy);
    }
}

async fn arrivals(env: EnvHandle, customers: u64, shared: Shared) {
    let servers = Resource::new(SERVERS as usize);
    for _ in 0..customers {
        let gap = shared.borrow_mut().draws.inter_arrival().0;
        env.timeout(gap as f64).await;
        env.spawn(customer(env.clone(), servers.clone(), Rc::clone(&shared)));
    }
}

/// Simulates `task`.
///
/// # Panics
/// When simu-des keeps a process beyond the end of its run.
pub fn run(task: Task) -> Outcome {
    let shared = Rc::new(RefCell::new(Station {
        draws: QueueDraws::new(task.seed),
        record: Recorder::new(),
        waiting: 0,
        busy: 0,
    }));
    let mut env = SimEnv::with_seed(task.seed);
    env.spawn(arrivals(env.handle(), task.customers, Rc::clone(&shared)));
    env.run();
    let end = env.now() as u64;
    drop(env);
    let station = Rc::into_inner(shared).expect("all processes have ended").into_inner();
    station.record.finish(end)
}
