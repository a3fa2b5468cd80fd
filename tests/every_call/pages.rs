//! What holds for the pages of every call that has them.

mod sizes;
mod tokens;

use contact_lists::proto::{
    ContactReference, ListChannelsRequest, ListCommunicationPreferencesRequest,
    ListContactListContactsRequest, ListContactListUpdatesRequest, ListContactListsRequest,
    ListContactsRequest, ListCustomObjectsRequest, ListPreferenceChangesRequest, channel,
    contact_reference,
};
use tonic::Status;

use test_support::*;

/// The calls, each with one filter or two. Filters of the same call have the same first word.
const QUERIES: [&str; 18] = [
    "lists",
    "lists archived",
    "lists by name",
    "lists of a contact",
    "members",
    "members of the other list",
    "members opted in",
    "members opted out",
    "members with properties",
    "contacts",
    "contacts by name",
    "contacts with properties",
    "updates",
    "updates of the list",
    "channels",
    "preferences",
    "changes",
    "objects",
];

/// What there are more than two of, in one organization.
struct Setup {
    caller: Client,
    lists: [String; 2],
    /// The contacts are opted out of the first one, and in to the others.
    channels: Vec<String>,
    object: String,
}

fn first_contact() -> ContactReference {
    ContactReference {
        reference: Some(contact_reference::Reference::Phone(number(0))),
    }
}

/// How many rows a page has, and the token for the next one.
type Page = (usize, String);

impl Setup {
    async fn new(caller: Client) -> Self {
        let mut channels = Vec::new();
        for n in 0..3 {
            channels.push(caller.create_channel(&number(90 + n)).await);
        }
        let mut object = String::new();
        for key in ["one", "two", "three"] {
            object = caller.create_object(key, vec![]).await;
        }
        let lists = [
            caller.create_list("List A").await,
            caller.create_list("List B").await,
        ];
        for list in &lists {
            let people = (0..3).map(|n| contact(&number(n)).name(&format!("Name {n}")));
            caller
                .update(header(list).add(), people.collect())
                .await
                .expect("an update");
        }
        caller
            .update(header(&lists[0]).add(), vec![contact(&number(0))])
            .await
            .expect("an update");
        caller
            .update(header(&lists[0]).add(), vec![contact(&number(0))])
            .await
            .expect("an update");
        let list = caller.create_list("List C").await;
        caller
            .update(header(&list).add(), vec![contact(&number(0))])
            .await
            .expect("an update");
        for n in 0..3 {
            caller.opt_out(&number(n), &[&channels[0]]).await;
        }
        for name in ["Away A", "Away B", "Away C"] {
            let list = caller.create_list(name).await;
            caller.archive_list(&list).await;
        }
        Self {
            caller,
            lists,
            channels,
            object,
        }
    }

    async fn ask(&self, query: &str, page_size: i32, token: &str) -> Result<Page, Status> {
        let (call, filter) = query.split_once(' ').unwrap_or((query, ""));
        let page_token = token.to_owned();
        match call {
            "lists" => self.lists(filter, page_size, page_token).await,
            "members" => self.members(filter, page_size, page_token).await,
            "contacts" => self.contacts(filter, page_size, page_token).await,
            "updates" => self.updates(filter, page_size, page_token).await,
            "channels" => {
                let request = ListChannelsRequest {
                    page_size,
                    page_token,
                };
                let page = self
                    .caller
                    .channels
                    .clone()
                    .list_channels(request)
                    .await?
                    .into_inner();
                Ok((page.channels.len(), page.next_page_token))
            }
            "preferences" => self.preferences(page_size, page_token).await,
            "changes" => self.changes(page_size, page_token).await,
            _ => {
                let request = ListCustomObjectsRequest {
                    page_size,
                    page_token,
                };
                let page = self
                    .caller
                    .objects
                    .clone()
                    .list_custom_objects(request)
                    .await?
                    .into_inner();
                Ok((page.custom_objects.len(), page.next_page_token))
            }
        }
    }

    async fn lists(
        &self,
        filter: &str,
        page_size: i32,
        page_token: String,
    ) -> Result<Page, Status> {
        use contact_lists::proto::contact_list::State;
        let state = if filter == "archived" {
            State::Archived
        } else {
            State::Unspecified
        };
        let request = ListContactListsRequest {
            page_size,
            page_token,
            state: state.into(),
            name_prefix: (filter == "by name").then(|| "List".to_owned()),
            contact: (filter == "of a contact").then(first_contact),
        };
        let page = self
            .caller
            .lists
            .clone()
            .list_contact_lists(request)
            .await?
            .into_inner();
        Ok((page.contact_lists.len(), page.next_page_token))
    }

    async fn members(
        &self,
        filter: &str,
        page_size: i32,
        page_token: String,
    ) -> Result<Page, Status> {
        let request = ListContactListContactsRequest {
            contact_list_id: self.lists[usize::from(filter == "of the other list")].clone(),
            page_size,
            page_token,
            custom_object_id: (filter == "with properties").then(|| self.object.clone()),
            opted_in_to_channel_id: (filter == "opted in").then(|| self.channels[2].clone()),
            opted_out_of_channel_id: (filter == "opted out").then(|| self.channels[0].clone()),
            ..ListContactListContactsRequest::default()
        };
        let page = self
            .caller
            .lists
            .clone()
            .list_contact_list_contacts(request)
            .await?
            .into_inner();
        Ok((page.contact_list_contacts.len(), page.next_page_token))
    }

    async fn contacts(
        &self,
        filter: &str,
        page_size: i32,
        page_token: String,
    ) -> Result<Page, Status> {
        let request = ListContactsRequest {
            page_size,
            page_token,
            name_prefix: (filter == "by name").then(|| "Name".to_owned()),
            custom_object_id: (filter == "with properties").then(|| self.object.clone()),
            ..ListContactsRequest::default()
        };
        let page = self
            .caller
            .contacts
            .clone()
            .list_contacts(request)
            .await?
            .into_inner();
        Ok((page.contacts.len(), page.next_page_token))
    }

    async fn updates(
        &self,
        filter: &str,
        page_size: i32,
        page_token: String,
    ) -> Result<Page, Status> {
        let request = ListContactListUpdatesRequest {
            page_size,
            page_token,
            contact_list_id: (filter == "of the list").then(|| self.lists[0].clone()),
            newest_first: false,
        };
        let page = self
            .caller
            .lists
            .clone()
            .list_contact_list_updates(request)
            .await?
            .into_inner();
        Ok((page.contact_list_updates.len(), page.next_page_token))
    }

    async fn changes(&self, page_size: i32, page_token: String) -> Result<Page, Status> {
        let request = ListPreferenceChangesRequest {
            contact: Some(first_contact()),
            page_size,
            page_token,
        };
        let mut preferences = self.caller.preferences.clone();
        let page = preferences
            .list_preference_changes(request)
            .await?
            .into_inner();
        Ok((page.preference_changes.len(), page.next_page_token))
    }

    async fn preferences(&self, page_size: i32, page_token: String) -> Result<Page, Status> {
        let request = ListCommunicationPreferencesRequest {
            contact: Some(first_contact()),
            page_size,
            page_token,
        };
        let page = self
            .caller
            .preferences
            .clone()
            .list_communication_preferences(request)
            .await?
            .into_inner();
        Ok((page.communication_preferences.len(), page.next_page_token))
    }

    /// The token for each query's second page.
    async fn tokens(&self) -> Vec<(&'static str, String)> {
        let mut tokens = Vec::new();
        for query in QUERIES {
            let (count, token) = self.ask(query, 1, "").await.expect("a page");
            assert_eq!(count, 1, "{query}");
            assert_ne!(token, "", "{query} has a second page");
            tokens.push((query, token));
        }
        tokens
    }
}

on_both! {
    async fn page_after_page_gives_every_row(service: Service) {
        let setup = Setup::new(service.admin()).await;
        for query in QUERIES {
            let (whole, end) = setup.ask(query, 0, "").await.unwrap();
            assert!(
                (3..=50).contains(&whole) && end.is_empty(),
                "{query}: {whole}"
            );
            let (mut count, mut token) = setup.ask(query, 1, "").await.unwrap();
            while !token.is_empty() && count <= whole {
                let (more, next) = setup.ask(query, 1, &token).await.unwrap();
                assert_eq!(more, 1, "{query}");
                (count, token) = (count + more, next);
            }
            assert_eq!((count, &token[..]), (whole, ""), "{query}");
        }
    }

    async fn a_page_size_is_not_negative(service: Service) {
        let setup = Setup::new(service.admin()).await;
        for query in QUERIES {
            for page_size in [-1, i32::MIN] {
                assert_invalid(
                    setup.ask(query, page_size, "").await,
                    "page_size",
                    "FIELD_INVALID",
                );
            }
        }
    }

    async fn a_page_has_50_rows_by_default_and_never_more_than_500(database: Database) {
        let service = Service::start(database).await;
        let setup = Setup::new(service.admin()).await;
        let people: Vec<_> = (0..510).map(|n| contact(&number(n))).collect();
        setup
            .caller
            .update(header(&setup.lists[0]).add().no_opt_ins(), people)
            .await
            .unwrap();
        for query in ["members", "contacts"] {
            for (page_size, expected) in
                [(0, 50), (499, 499), (500, 500), (501, 500), (i32::MAX, 500)]
            {
                let (count, token) = setup.ask(query, page_size, "").await.unwrap();
                assert_eq!(
                    (count, token.is_empty()),
                    (expected, false),
                    "{query} by {page_size}"
                );
            }
        }
    }

    async fn fifty_rows_are_the_default_of_every_other_call_too(service: Service) {
        let setup = Setup::new(service.admin()).await;
        let caller = &setup.caller;
        for n in 0..50 {
            caller.create_channel(&number(100 + n)).await;
            caller.create_object(&format!("key_{n}"), vec![]).await;
            let list = caller.create_list(&format!("List {n}")).await;
            caller
                .update(header(&list).add(), vec![contact(&number(0))])
                .await
                .unwrap();
        }
        for query in ["lists", "updates", "channels", "preferences", "objects"] {
            let (count, token) = setup.ask(query, 0, "").await.unwrap();
            assert_eq!((count, token.is_empty()), (50, false), "{query}");
            let (count, token) = setup.ask(query, 501, "").await.unwrap();
            assert!(count > 50 && token.is_empty(), "{query}: {count}");
        }
    }
}
