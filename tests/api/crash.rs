//! The built program, killed while streams run: what was answered OK is there afterwards, and nothing by half.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use contact_lists::proto::{
    GetContactListUpdateRequest, get_contact_list_update_request::Reference,
};
use tokio::{sync::Notify, task::JoinSet};

use crate::support::*;

const CALLERS: u32 = 4;
const CALL_CONTACTS: u32 = 50;

/// The running program. Dropped, it is killed.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(database: &Database) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_contact-lists"))
            .args(["--listen", "127.0.0.1:0", "--database-url", database.url()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a running program");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut lines = output.lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
        let address = address.expect("an address");
        Self { child, address }
    }

    fn client(&self, key: &str) -> Client {
        let address = self.address.parse().expect("an address");
        Client::connect(address, Some(&format!("Bearer {key}")))
    }

    fn kill(mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls that were answered OK, by their request_id, with what each of them added.
type Answered = Arc<Mutex<BTreeMap<String, u32>>>;

/// Adds contacts call after call, until one fails.
async fn add_until_killed(
    caller: Client,
    list: String,
    first: u32,
    answered: Answered,
    told: Arc<Notify>,
) {
    for n in 0.. {
        let request_id = uuid::Uuid::new_v4().to_string();
        let start = first + n * CALL_CONTACTS;
        let contacts = (start..start + CALL_CONTACTS)
            .map(|n| contact(&number(n)))
            .collect();
        let header = header(&list).add().request_id(&request_id);
        if caller.update(header, contacts).await.is_err() {
            return;
        }
        answered
            .lock()
            .expect("the answers")
            .insert(request_id, start);
        told.notify_one();
    }
}

async fn is_recorded(caller: &Client, request_id: &str) -> bool {
    let reference = Some(Reference::RequestId(request_id.to_owned()));
    let request = GetContactListUpdateRequest { reference };
    caller
        .lists
        .clone()
        .get_contact_list_update(request)
        .await
        .is_ok()
}

on_both! {
    async fn what_was_answered_ok_survives_a_kill_and_nothing_is_there_by_half(database: Database) {
        let setup = Service::start(database.clone()).await;
        let (key, list) = (setup.key(Scope::Admin).await, setup.admin().create_list("Killed").await);
        drop(setup);
        let answered = Answered::default();
        for round in 0..4 {
            let program = Program::start(&database);
            let told = Arc::new(Notify::new());
            let mut calls = JoinSet::new();
            for n in 0..CALLERS {
                let first = (round * CALLERS + n) * 1_000_000;
                let (caller, list) = (program.client(&key), list.clone());
                calls.spawn(add_until_killed(caller, list, first, answered.clone(), told.clone()));
            }
            // An open stream that has sent half of what it wants to.
            let open = program.client(&key).open(header(&list).overwrite()).await;
            open.send_contacts((80_000_000..80_000_100).map(|n| contact(&number(n))).collect()).await;
            for _ in 0..6 + round {
                told.notified().await;
            }
            program.kill();
            calls.join_all().await;
        }

        let program = Program::start(&database);
        let caller = program.client(&key);
        let members = phones(&caller.members(&list).await);
        assert_eq!(usize::try_from(caller.list(&list).await.contact_count), Ok(members.len()));
        assert_eq!(members.len() % CALL_CONTACTS as usize, 0, "no call is there by half");
        let answered = answered.lock().unwrap().clone();
        assert!(answered.len() >= 24);
        for (request_id, first) in answered {
            assert!(is_recorded(&caller, &request_id).await, "{request_id} was answered OK");
            for n in [first, first + CALL_CONTACTS - 1] {
                assert!(members.binary_search(&number(n)).is_ok(), "{} was answered OK", number(n));
            }
        }
        let updates = database.rows("SELECT count(*) FROM contact_list_updates").await;
        assert_eq!(usize::try_from(updates * i64::from(CALL_CONTACTS)), Ok(members.len()));
        let contacts = database.rows("SELECT count(*) FROM contacts").await;
        assert_eq!(usize::try_from(contacts), Ok(members.len()));
        if !database.is_postgres() {
            assert_eq!(database.rows("SELECT integrity_check = 'ok' FROM pragma_integrity_check").await, 1);
        }
    }
}
