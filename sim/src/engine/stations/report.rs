//! What a station measured.

use plimsoll_profiles::units::Nanos;

/// The measurements of a station over a window: from the last reset of its statistics to the time of the report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The length of the window.
    pub window: Nanos,
    /// Tasks that came, those blocked included.
    pub arrivals: u64,
    /// Tasks turned away because the station was full.
    pub blocked: u64,
    /// Services begun.
    pub starts: u64,
    /// Services begun by tasks that had to wait.
    pub waited: u64,
    /// Services ended.
    pub completions: u64,
    /// Tasks that left the queue unserved.
    pub reneged: u64,
    /// Tasks present at the start of the window.
    pub population_at_start: u64,
    /// Tasks present at the end, waiting or in service.
    pub population: u64,
    /// The time average of the number waiting.
    pub mean_waiting: f64,
    /// The largest number waiting.
    pub max_waiting: u64,
    /// The time average of the number of busy servers (for a host: of busy cores).
    pub mean_busy: f64,
    /// The largest number in service at once.
    pub max_busy: u64,
    /// The time average of the number of servers; 0 for a station without limit.
    pub mean_servers: f64,
    /// The mean wait of the services begun, those that did not wait included.
    pub mean_wait: Nanos,
    /// The longest wait of a service begun.
    pub max_wait: Nanos,
    /// The exact integral of the number waiting, in task-nanoseconds.
    pub waiting_area: u128,
    /// The exact sum of time waited within the window, task by task; equals [`Report::waiting_area`] by Little's law.
    pub waiting_time: u128,
    /// The exact integral of the number of busy servers, in server-nanoseconds (for a host: of cores).
    pub busy_area: u128,
}

impl Report {
    /// The share of servers that was busy; for a station without limit 0.
    pub fn utilisation(&self) -> f64 {
        if self.mean_servers > 0.0 { self.mean_busy / self.mean_servers } else { 0.0 }
    }

    /// The share of services that had to wait; 0 when none began.
    pub fn wait_share(&self) -> f64 {
        share(self.waited, self.starts)
    }

    /// The share of arrivals turned away; 0 without arrivals.
    pub fn blocking_share(&self) -> f64 {
        share(self.blocked, self.arrivals)
    }

    /// Completions per second; 0 over an empty window.
    pub fn throughput(&self) -> f64 {
        if self.window == Nanos::ZERO { 0.0 } else { self.completions as f64 / self.window.as_secs_f64() }
    }

    /// The time average of the number present.
    pub fn mean_population(&self) -> f64 {
        self.mean_waiting + self.mean_busy
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The bookkeeping that stations with servers and a queue share.
#[derive(Clone, Debug)]
pub(super) struct Account {
    changed: Nanos,
    window_start: Nanos,
    population_at_start: u64,
    arrivals: u64,
    blocked: u64,
    starts: u64,
    waited: u64,
    completions: u64,
    waiting_area: u128,
    busy_area: u128,
    servers: u64,
    servers_changed: Nanos,
    servers_area: u128,
    max_waiting: u64,
    max_busy: u64,
    total_wait: u128,
    max_wait: u64,
    /// The part of the waits before the window, of tasks that started within.
    wait_before_window: u128,
    reneged: u64,
    /// The part within the window of the waits of tasks that left unserved.
    reneged_wait: u128,
}

impl Account {
    pub fn new(now: Nanos, servers: u64) -> Self {
        Account {
            changed: now,
            window_start: now,
            population_at_start: 0,
            arrivals: 0,
            blocked: 0,
            starts: 0,
            waited: 0,
            completions: 0,
            waiting_area: 0,
            busy_area: 0,
            servers,
            servers_changed: now,
            servers_area: 0,
            max_waiting: 0,
            max_busy: 0,
            total_wait: 0,
            max_wait: 0,
            wait_before_window: 0,
            reneged: 0,
            reneged_wait: 0,
        }
    }

    /// Accounts for the time since the last change; to be called with the numbers before each change.
    #[inline]
    pub fn advance(&mut self, now: Nanos, waiting: u64, busy: u64) {
        let elapsed = u128::from(now.0 - self.changed.0);
        self.changed = now;
        self.waiting_area += elapsed * u128::from(waiting);
        self.busy_area += elapsed * u128::from(busy);
    }

    /// Accounts for the servers until now, and sets another number of them.
    pub fn set_servers(&mut self, now: Nanos, servers: u64) {
        self.servers_area += u128::from(now.0 - self.servers_changed.0) * u128::from(self.servers);
        (self.servers, self.servers_changed) = (servers, now);
    }

    #[inline]
    pub fn arrive(&mut self) {
        self.arrivals += 1;
    }

    pub fn block(&mut self) {
        self.arrivals += 1;
        self.blocked += 1;
    }

    /// A service begins without a wait.
    #[inline]
    pub fn start(&mut self, busy: u64) {
        self.starts += 1;
        self.max_busy = self.max_busy.max(busy);
    }

    #[inline]
    pub fn wait(&mut self, waiting: u64) {
        self.max_waiting = self.max_waiting.max(waiting);
    }

    /// A service begins after a wait.
    #[inline]
    pub fn start_waited(&mut self, now: Nanos, arrived: Nanos, busy: u64) {
        self.start(busy);
        let wait = now.0 - arrived.0;
        self.waited += 1;
        self.total_wait += u128::from(wait);
        self.max_wait = self.max_wait.max(wait);
        self.wait_before_window += u128::from(self.window_start.0.saturating_sub(arrived.0));
    }

    /// A task leaves unserved.
    pub fn renege(&mut self, now: Nanos, arrived: Nanos) {
        self.reneged += 1;
        self.reneged_wait += u128::from(now.0 - arrived.0.max(self.window_start.0));
    }

    #[inline]
    pub fn complete(&mut self) {
        self.completions += 1;
    }

    pub fn reset(&mut self, now: Nanos, population: u64) {
        *self = Account { population_at_start: population, ..Account::new(now, self.servers) };
    }

    /// The report, once [`Account::advance`] has been called for `now`; `arrived` are the times of those still waiting.
    pub fn report(&self, now: Nanos, population: u64, arrived: impl Iterator<Item = Nanos>) -> Report {
        debug_assert_eq!(now, self.changed);
        let still_waiting: u128 = arrived.map(|time| u128::from(now.0 - time.0.max(self.window_start.0))).sum();
        let window = now.0 - self.window_start.0;
        let servers_area = self.servers_area + u128::from(now.0 - self.servers_changed.0) * u128::from(self.servers);
        let mean = |area: u128| if window == 0 { 0.0 } else { area as f64 / window as f64 };
        Report {
            window: Nanos(window),
            arrivals: self.arrivals,
            blocked: self.blocked,
            starts: self.starts,
            waited: self.waited,
            completions: self.completions,
            reneged: self.reneged,
            population_at_start: self.population_at_start,
            population,
            mean_waiting: mean(self.waiting_area),
            max_waiting: self.max_waiting,
            mean_busy: mean(self.busy_area),
            max_busy: self.max_busy,
            mean_servers: mean(servers_area),
            mean_wait: Nanos(self.total_wait.checked_div(u128::from(self.starts)).unwrap_or(0) as u64),
            max_wait: Nanos(self.max_wait),
            waiting_area: self.waiting_area,
            waiting_time: self.total_wait - self.wait_before_window + self.reneged_wait + still_waiting,
            busy_area: self.busy_area,
        }
    }
}
