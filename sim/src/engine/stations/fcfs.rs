//! Servers with one queue, first come, first served.

use super::report::{Account, Report};
use plimsoll_profiles::units::Nanos;
use std::collections::VecDeque;

/// What becomes of a task that came to a station with limited room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Its service begins now.
    Starts,
    /// It waits.
    Waits,
    /// The station is full: it is turned away.
    Blocked,
}

/// `c` like servers with one queue, first come, first served (G/G/c, with limited room G/G/c/K).
///
/// ```
/// use plimsoll_profiles::units::Nanos;
/// use plimsoll_sim::engine::Fcfs;
///
/// let mut station = Fcfs::new(1);
/// assert_eq!(station.arrive(Nanos(0), 7), Some(7)); // schedule the end of 7's service
/// assert_eq!(station.arrive(Nanos(5), 8), None); // 8 waits
/// assert_eq!(station.complete(Nanos(9), 7), Some(8)); // schedule the end of 8's service
/// assert_eq!(station.report(Nanos(9)).max_wait, Nanos(4));
/// ```
#[derive(Clone, Debug)]
pub struct Fcfs {
    servers: u32,
    busy: u32,
    /// The largest number present, waiting and in service.
    room: usize,
    queue: VecDeque<(Nanos, u32)>,
    account: Account,
}

impl Fcfs {
    /// A station with this many servers and unlimited room.
    pub fn new(servers: u32) -> Self {
        Fcfs {
            servers,
            busy: 0,
            room: usize::MAX,
            queue: VecDeque::new(),
            account: Account::new(Nanos::ZERO, u64::from(servers)),
        }
    }

    /// A station with room for `room` tasks, those in service included: M/M/c/K with `room` = K.
    pub fn with_room(servers: u32, room: usize) -> Self {
        Fcfs { room, ..Fcfs::new(servers) }
    }

    #[inline]
    fn advance(&mut self, now: Nanos) {
        self.account.advance(now, self.queue.len() as u64, u64::from(self.busy));
    }

    /// A task comes. The answer is the task whose service begins now, which is this one or none.
    ///
    /// At a station with limited room use [`Fcfs::try_arrive`], which tells waiting from turned away.
    #[inline(always)]
    pub fn arrive(&mut self, now: Nanos, token: u32) -> Option<u32> {
        (self.try_arrive(now, token) == Arrival::Starts).then_some(token)
    }

    /// A task comes: it starts, waits, or is turned away.
    #[inline(always)]
    pub fn try_arrive(&mut self, now: Nanos, token: u32) -> Arrival {
        self.advance(now);
        if self.busy < self.servers && self.queue.is_empty() {
            if self.busy as usize >= self.room {
                self.account.block();
                return Arrival::Blocked;
            }
            self.account.arrive();
            self.busy += 1;
            self.account.start(u64::from(self.busy));
            return Arrival::Starts;
        }
        if self.busy as usize + self.queue.len() >= self.room {
            self.account.block();
            return Arrival::Blocked;
        }
        self.account.arrive();
        self.queue.push_back((now, token));
        self.account.wait(self.queue.len() as u64);
        Arrival::Waits
    }

    /// A service ends. The answer is the task whose service begins now on the freed server, if any waits.
    ///
    /// The token of the task that leaves is for the reader of a trace: like servers need not know whom they serve.
    #[inline]
    pub fn complete(&mut self, now: Nanos, _token: u32) -> Option<u32> {
        debug_assert!(self.busy > 0, "a service ended that never began");
        self.advance(now);
        self.account.complete();
        self.busy -= 1;
        self.start_next(now)
    }

    /// Changes the number of servers; services in progress go on even above the new number.
    ///
    /// After a rise call [`Fcfs::start_waiting`] until it answers `None`.
    pub fn set_servers(&mut self, now: Nanos, servers: u32) {
        self.account.set_servers(now, u64::from(servers));
        self.servers = servers;
    }

    /// Begins the service of the first waiting task when a server is free, and names it.
    pub fn start_waiting(&mut self, now: Nanos) -> Option<u32> {
        self.advance(now);
        self.start_next(now)
    }

    /// Takes a waiting task out of the queue; false when it is not waiting. Takes time linear in the queue.
    pub fn withdraw(&mut self, now: Nanos, token: u32) -> bool {
        let Some(place) = self.queue.iter().position(|waiting| waiting.1 == token) else { return false };
        self.advance(now);
        let arrived = self.queue[place].0;
        self.queue.remove(place);
        self.account.renege(now, arrived);
        true
    }

    #[inline]
    fn start_next(&mut self, now: Nanos) -> Option<u32> {
        if self.busy >= self.servers {
            return None;
        }
        let (arrived, token) = self.queue.pop_front()?;
        self.busy += 1;
        self.account.start_waited(now, arrived, u64::from(self.busy));
        Some(token)
    }

    /// The number of servers.
    pub fn servers(&self) -> u32 {
        self.servers
    }

    /// The number in service.
    #[inline]
    pub fn busy(&self) -> u32 {
        self.busy
    }

    /// The number waiting.
    #[inline]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Forgets the measurements so far, at the end of the warm-up; the tasks stay.
    pub fn reset_statistics(&mut self, now: Nanos) {
        self.advance(now);
        self.account.reset(now, self.population());
    }

    /// The measurements since the last reset.
    pub fn report(&mut self, now: Nanos) -> Report {
        self.advance(now);
        self.account.report(now, self.population(), self.queue.iter().map(|waiting| waiting.0))
    }

    fn population(&self) -> u64 {
        u64::from(self.busy) + self.queue.len() as u64
    }
}
