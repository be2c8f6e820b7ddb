//! What of a profile moves its worker pods.

use plimsoll_profiles::profile::Profile;

use super::fleet::FleetPlan;
use super::system::SystemSize;

impl FleetPlan {
    /// The pods of a profile whose worker pods come and go, beginning with as many as `size` has; `None` where they are the same all the time.
    pub fn of(profile: &Profile, _size: &SystemSize) -> Option<FleetPlan> {
        crate::scaling::fleet_plan(profile)
    }
}
