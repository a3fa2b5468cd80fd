//! Which contacts an update opts in to which channels.

mod channels;
mod consent;
mod preferences;

use contact_lists::proto::{
    UpdateContactListContactsHeader as Header, UpdateContactListContactsRequest as Message,
};
use futures_util::{StreamExt, stream};

use test_support::*;

const PHONE_A: u32 = 1_000_001;
const PHONE_B: u32 = 1_000_002;
const PHONE_LATER: u32 = 1_000_003;

/// An organization with a list and two channels.
struct Setup {
    admin: Client,
    list: String,
    a: String,
    b: String,
}

async fn set_up(service: &Service) -> Setup {
    let admin = service.admin();
    Setup {
        list: admin.create_list("Customers").await,
        a: admin.create_channel(&number(PHONE_A)).await,
        b: admin.create_channel(&number(PHONE_B)).await,
        admin,
    }
}

impl Setup {
    fn add(&self) -> Header {
        header(&self.list).add()
    }

    /// Applies an update of the n-th numbers.
    async fn counts(&self, header: Header, numbers: impl IntoIterator<Item = u32>) -> OptIns {
        let contacts = numbers.into_iter().map(|n| contact(&number(n))).collect();
        let outcome = self.admin.update(header, contacts).await.unwrap();
        opt_ins(&outcome)
    }

    /// The preferences of the holder of the n-th number, as [`Client::opt_states`] returns them.
    async fn opt_states(&self, n: u32) -> Vec<(String, bool)> {
        self.admin.opt_states(&number(n)).await
    }

    /// The two channels with these states, as `opt_states` returns them.
    fn about(&self, a: Option<bool>, b: Option<bool>) -> Vec<(String, bool)> {
        let both = [(&self.a, a), (&self.b, b)].into_iter();
        both.filter_map(|(id, opted_in)| Some((id.clone(), opted_in?)))
            .collect()
    }
}
