//! Child workflows: their start, and what becomes of them when the parent ends first.

use plimsoll_profiles::calibration::OperationKind;
use plimsoll_profiles::profile::ParentClosePolicy;

use super::ends::EndKind;
use super::model::{Event, Model};
use super::state::{Closing, Command, NONE, Purpose};
use crate::engine::Schedule;

/// A child that its parent still has to close.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChildLink {
    parent: u32,
    child: u32,
    policy: ParentClosePolicy,
    before: u32,
    next: u32,
}

impl Model {
    /// The parent's transfer task is done: the child is created, on a shard of its own.
    pub(super) fn create_child(&mut self, thread: u32, schedule: &mut Schedule<Event>) {
        let command = std::mem::replace(&mut self.threads[thread].command, Command::None);
        let Command::Child { workflow, wait, policy } = command else {
            unreachable!("a child's transfer task without a child: {command:?}");
        };
        let parent = self.threads[thread].run;
        if self.runs[parent].closed && policy != ParentClosePolicy::Abandon {
            // The server starts no child that it would close at once.
            self.free_thread(thread);
            return self.release(parent);
        }
        let child = self.new_run(workflow, schedule.now());
        if self.new_version.is_some() {
            self.inherit_version(child, parent);
        }
        self.runs[child].parent = thread;
        self.runs[child].parent_waits = wait;
        self.runs[child].on_parent_close = policy;
        self.runs[child].parent_run = parent;
        self.runs[parent].references += 1;
        self.runs[child].references += 1;
        let mut chain = self.chain(Purpose::CreateChild, OperationKind::ChildStart, child, self.runs[child].shard);
        chain.payload = self.program.types[workflow as usize].input.0 as u32;
        chain.extra_statements = self.timeout_timer(workflow) as u16;
        chain.extra_writes = chain.extra_statements;
        self.launch(chain, schedule);
    }

    /// The child exists: the parent learns it, then the child gets its first workflow task.
    pub(super) fn child_created(&mut self, child: u32, schedule: &mut Schedule<Event>) {
        let parent = self.runs[child].parent;
        let mut chain = self.thread_chain(Purpose::ChildStarted, OperationKind::ChildStarted, parent);
        chain.flag = !self.runs[child].parent_waits;
        self.launch(chain, schedule);
        let chain = self.chain(Purpose::ChildFirstTask, OperationKind::ChildFirstTask, child, self.runs[child].shard);
        self.launch(chain, schedule);
    }

    /// A child is closed: its parent hears of that whether or not its code waits for it, and gets a workflow task; a parent that is closed
    /// itself refuses it.
    pub(super) fn tell_parent(&mut self, child: u32, schedule: &mut Schedule<Event>) {
        let (parent, thread, waits) =
            (self.runs[child].parent_run, self.runs[child].parent, self.runs[child].parent_waits);
        if parent == NONE {
            return;
        }
        let target = if waits { thread } else { NONE };
        let shard = self.runs[parent].shard;
        let mut chain = self.chain(Purpose::ChildCompleted, OperationKind::ChildCompleted, target, shard);
        chain.run = parent;
        chain.flag = waits && self.runs[child].closing != Closing::Completed;
        self.launch(chain, schedule);
    }

    /// A child of an open parent exists; of a parent that closed meanwhile, it is closed at once.
    pub(super) fn link_child(&mut self, parent: u32, child: u32, schedule: &mut Schedule<Event>) {
        let policy = self.runs[child].on_parent_close;
        if policy == ParentClosePolicy::Abandon {
            return;
        }
        if self.runs[parent].closed {
            return self.close_with_parent(child, policy, schedule);
        }
        let next = self.runs[parent].children;
        let link = self.lifecycle.children.insert(ChildLink { parent, child, policy, before: NONE, next });
        if next != NONE {
            self.lifecycle.children[next].before = link;
        }
        self.runs[parent].children = link;
        self.runs[child].link = link;
    }

    /// A child is closed: its parent has no more to do with it.
    pub(super) fn unlink_child(&mut self, child: u32) {
        let index = std::mem::replace(&mut self.runs[child].link, NONE);
        if index == NONE {
            return;
        }
        let link = self.lifecycle.children[index];
        self.lifecycle.children.remove(index);
        match link.before {
            NONE => self.runs[link.parent].children = link.next,
            before => self.lifecycle.children[before].next = link.next,
        }
        if link.next != NONE {
            self.lifecycle.children[link.next].before = link.before;
        }
    }

    /// A run is closed: the server's close task does to its open children what their policy says. (From ten children on
    /// the server leaves that to a system workflow, whose own work is not modelled.)
    pub(super) fn close_children(&mut self, run: u32, schedule: &mut Schedule<Event>) {
        let mut index = std::mem::replace(&mut self.runs[run].children, NONE);
        while index != NONE {
            let link = self.lifecycle.children[index];
            self.lifecycle.children.remove(index);
            self.runs[link.child].link = NONE;
            self.close_with_parent(link.child, link.policy, schedule);
            index = link.next;
        }
    }

    fn close_with_parent(&mut self, child: u32, policy: ParentClosePolicy, schedule: &mut Schedule<Event>) {
        match policy {
            ParentClosePolicy::Terminate => self.end_run(child, EndKind::Terminate, false, schedule),
            ParentClosePolicy::RequestCancel => self.end_run(child, EndKind::Cancel, false, schedule),
            ParentClosePolicy::Abandon => {}
        }
    }
}
