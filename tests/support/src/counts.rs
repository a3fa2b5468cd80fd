//! The counts in responses, by name.

use contact_lists::proto::UpdateContactListContactsResponse as Outcome;

/// What became of the contacts of an update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// New contacts.
    pub created: i32,
    /// Contacts that were changed.
    pub updated: i32,
    /// Contacts that were already as sent.
    pub unchanged: i32,
    /// Contacts that were sent before in the same call.
    pub duplicate: i32,
    /// Contacts that were refused.
    pub rejected: i32,
}

/// What an update did to its list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memberships {
    /// New members.
    pub added: i32,
    /// Contacts that are no longer members.
    pub removed: i32,
    /// All members after the update.
    pub members: i32,
}

/// What an update did to preferences, in pairs of a contact and a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptIns {
    /// Pairs that were opted in.
    pub opted_in: i64,
    /// Pairs that stayed opted out although the update asked for an opt-in.
    pub kept_opt_outs: i64,
}

/// What became of an update's contacts.
pub fn outcomes(outcome: &Outcome) -> Outcomes {
    Outcomes {
        created: outcome.created_count,
        updated: outcome.updated_count,
        unchanged: outcome.unchanged_count,
        duplicate: outcome.duplicate_count,
        rejected: outcome.rejected_count,
    }
}

/// What an update did to its list.
pub fn memberships(outcome: &Outcome) -> Memberships {
    let list = outcome.contact_list.as_ref().expect("the list");
    Memberships {
        added: outcome.added_count,
        removed: outcome.removed_count,
        members: list.contact_count,
    }
}

/// What an update did to preferences.
pub fn opt_ins(outcome: &Outcome) -> OptIns {
    OptIns {
        opted_in: outcome.opted_in_count,
        kept_opt_outs: outcome.kept_opt_out_count,
    }
}

/// Counts of the same type, all of them 0.
pub fn zeros_like<T: Default>(_: &T) -> T {
    T::default()
}

/// Checks counts by name. Those that are not named are 0.
///
/// ```ignore
/// assert_counts!(outcomes(&outcome), created: 2, rejected: 1);
/// assert_counts!(memberships(&outcome), added: 2, members: 5; "with {contact:?}");
/// ```
#[macro_export]
macro_rules! assert_counts {
    ($counts:expr $(, $name:ident: $count:expr)* $(; $($message:tt)+)?) => {{
        let counts = $counts;
        #[allow(unused_mut, reason = "no name is given where all are 0")]
        let mut expected = $crate::zeros_like(&counts);
        $(expected.$name = $count;)*
        assert_eq!(counts, expected $(, $($message)+)?);
    }};
}
