//! Times. All that a call writes has the same time, and a later call has a later one. So the times that the service shows
//! must fit the numbers of the calls that wrote them in the model.

use std::collections::BTreeMap;

use prost_types::Timestamp;

use test_support::model::CallNumber;

/// The time of each call of an organization, as far as it is known.
#[derive(Default)]
pub struct Clock {
    times: BTreeMap<CallNumber, (i64, i32)>,
}

impl Clock {
    /// Checks the time of something that the call `when` wrote.
    pub fn check(
        &mut self,
        when: CallNumber,
        time: Option<&Timestamp>,
        what: &str,
    ) -> Result<(), String> {
        let time = time.ok_or_else(|| format!("{what} has no time"))?;
        let time = (time.seconds, time.nanos);
        let known = *self.times.entry(when).or_insert(time);
        let before = self.times.range(..when).next_back().map(|(_, time)| *time);
        let after = self.times.range(when + 1..).next().map(|(_, time)| *time);
        if known != time {
            Err(format!(
                "{what} should have the time {known:?} of call {when}, and has {time:?}"
            ))
        } else if before.is_some_and(|before| before >= time) || after.is_some_and(|it| it <= time)
        {
            Err(format!(
                "{what} has the time {time:?}, which does not fit call {when}: {:?}",
                self.times
            ))
        } else {
            Ok(())
        }
    }
}
