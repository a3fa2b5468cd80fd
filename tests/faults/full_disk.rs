//! A full disk: calls are refused with a reason, an update is never stored in part, and once there is room again everything
//! works.

use tonic_health::pb::health_check_response::ServingStatus;

use test_support::*;

use crate::{
    helpers::{assert_whole, assert_whole_to, new_id, numbered_contacts, until_health},
    sessions::assert_all_usable,
};

/// The room on the disk in KiB, before an update that needs about 1500.
const ROOM_KIB: [u64; 8] = [0, 16, 64, 128, 256, 512, 1024, 4096];

/// How many contacts spool to a file, and the length of their texts: together more than a spool keeps in memory.
const LARGE: (u32, usize) = (600, 30_000);

fn large_people(first: u32) -> Vec<contact_lists::proto::Contact> {
    let text = "x".repeat(LARGE.1);
    let numbered_contacts = numbered_contacts(first, LARGE.0).into_iter();
    numbered_contacts
        .map(|contact| contact.properties(json!({ "plan": text.as_str() })))
        .collect()
}

/// Sends updates with different room on the disk: each is applied in full or refused.
async fn fill_the_database(disk: &SmallDisk, database: Database) {
    let service = Service::start(database).await;
    let admin = service.admin();
    admin.create_channel("+12025550100").await;
    let list = admin.create_list("Disk").await;
    let (mut first, mut refused_count) = (0, 0);
    for room in ROOM_KIB {
        let before = service.state(&list).await;
        if !service.database().is_postgres() {
            // The write-ahead log's present size would be room too.
            let database = service.database();
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
        disk.fill(room);
        let id = new_id();
        let update = || {
            admin.update(
                header(&list).add().request_id(&id),
                numbered_contacts(first, 2000),
            )
        };
        let answer = update().await;
        let was_applied = answer.is_ok();
        if answer.is_err() {
            refused_count += 1;
            assert_refused(answer, Code::Unavailable, "DATABASE_UNAVAILABLE");
        }
        disk.free();
        until_health(&service, ServingStatus::Serving).await;
        // Not before: PostgreSQL may need room for the first new connection.
        assert!(
            was_applied || service.state(&list).await == before,
            "an update is stored by half, with {room} KiB of room"
        );
        let outcome = update().await.expect("there is room");
        assert_eq!(outcome.replayed, was_applied);
        assert_eq!(outcome.created_count, 2000);
        first += 2000;
        assert_whole(&service, &list).await;
    }
    assert!(refused_count >= 2, "the disk was full");
    assert_eq!(admin.list(&list).await.contact_count, first as i32);
    assert_all_usable(&service, &list, 16).await;
}

on_both! {
    async fn a_full_disk_under_the_database_refuses_updates_until_there_is_room(database: Database) {
        let Some(disk) = SmallDisk::mount(64) else { return };
        let database = if database.is_postgres() {
            Database::postgres_in(&disk.folder_of_postgres()).await.expect("PostgreSQL")
        } else {
            Database::sqlite_right_in(disk.path())
        };
        fill_the_database(&disk, database).await;
    }

    async fn a_full_disk_under_the_spool_refuses_the_call_until_there_is_room(database: Database) {
        let Some(disk) = SmallDisk::mount(64) else { return };
        let mut setup = Service::start(database.clone()).await;
        let (key, list) = (setup.key(Scope::Admin).await, setup.admin().create_list("Disk").await);
        setup.admin().create_customer_object().await;
        let before = setup.state(&list).await;
        setup.shutdown().await;
        let program = Program::start_spooling_in(disk.path().to_str().unwrap(), &database, &[]);
        let caller = program.client(&key);
        for room in [0, 1024] {
            disk.fill(room);
            let refused = caller.update(header(&list).add(), large_people(0)).await;
            assert_refused(refused, Code::ResourceExhausted, "SPOOL_FULL");
            assert!(setup.state_seen_by(&caller, &list).await == before);
            // A small call needs no file.
            caller.update(header(&list).add().validate_only(), numbered_contacts(0, 100)).await.unwrap();
        }
        disk.free();
        let outcome = caller.update(header(&list).add(), large_people(0)).await.unwrap();
        assert_eq!(outcome.created_count, LARGE.0 as i32);
        let members = setup.rows("SELECT count(*) FROM contact_list_contacts").await;
        assert_eq!(members, i64::from(LARGE.0));
    }

    /// Without a disk of its own, which only root can mount: no file may grow beyond a limit.
    async fn a_spool_whose_file_may_not_grow_refuses_the_call(database: Database) {
        let mut setup = Service::start(database.clone()).await;
        let (key, list) = (setup.key(Scope::Admin).await, setup.admin().create_list("Disk").await);
        setup.admin().create_customer_object().await;
        let before = setup.state(&list).await;
        setup.shutdown().await;
        let mut program = Program::start_with_files_of(6 * 1024, &database, &[]);
        let caller = program.client(&key);
        for _ in 0..3 {
            let refused = caller.update(header(&list).add(), large_people(0)).await;
            let status = assert_refused(refused, Code::ResourceExhausted, "SPOOL_FULL");
            assert!(status.message().contains("folder for temporary files"), "{status:?}");
            assert!(setup.state_seen_by(&caller, &list).await == before);
        }
        caller.update(header(&list).add(), numbered_contacts(0, 100)).await.expect("a small call needs no file");
        assert!(!program.has_ended());
        assert_whole_to(&caller, &setup, &list).await;
    }

    async fn a_spool_whose_folder_is_gone_refuses_the_call_until_it_is_back(database: Database) {
        let mut setup = Service::start(database.clone()).await;
        let (key, list) = (setup.key(Scope::Admin).await, setup.admin().create_list("Disk").await);
        setup.admin().create_customer_object().await;
        let before = setup.state(&list).await;
        setup.shutdown().await;
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("spool");
        std::fs::create_dir(&folder).expect("a folder");
        let program = Program::start_spooling_in(folder.to_str().unwrap(), &database, &[]);
        let caller = program.client(&key);
        std::fs::remove_dir(&folder).expect("no folder");
        let refused = caller.update(header(&list).add(), large_people(0)).await;
        assert_refused(refused, Code::Unavailable, "SPOOL_UNAVAILABLE");
        assert!(setup.state_seen_by(&caller, &list).await == before);
        std::fs::create_dir(&folder).expect("a folder");
        let outcome = caller.update(header(&list).add(), large_people(0)).await.unwrap();
        assert_eq!(outcome.created_count, LARGE.0 as i32);
    }

    async fn a_database_whose_file_may_not_grow_refuses_updates_until_it_may(database: Database) {
        if database.is_postgres() {
            // Its files are written by another program.
            return;
        }
        let mut setup = Service::start(database.clone()).await;
        let (key, list) = (setup.key(Scope::Admin).await, setup.admin().create_list("Disk").await);
        setup.shutdown().await;
        let mut program = Program::start_with_files_of(6 * 1024, &database, &[]);
        let (caller, other) = (program.client(&key), program.client(&key));
        let mut applied = 0;
        let refused = loop {
            assert!(applied < 40, "the limit holds");
            match caller.update(header(&list).add(), numbered_contacts(applied * 2000, 2000)).await {
                Ok(_) => applied += 1,
                refused => break refused,
            }
        };
        assert_refused(refused, Code::Unavailable, "DATABASE_UNAVAILABLE");
        let mut count = applied as i32 * 2000;
        assert_eq!(caller.list(&list).await.contact_count, count);
        // Small updates may still find room. One that is answered OK is visible to others, and one that is refused leaves
        // nothing behind.
        for n in 0..20 {
            let (header, one) = (header(&list).add(), numbered_contacts(70_000_000 + n, 1));
            let checked = caller.update(header.clone().validate_only(), one.clone()).await;
            count += i32::from(caller.update(header, one).await.is_ok());
            assert_eq!(other.list(&list).await.contact_count, count, "{checked:?}");
            assert_eq!(caller.list(&list).await.contact_count, count);
        }
        assert_whole_to(&caller, &setup, &list).await;
        program.kill();
        let program = Program::start(&database, &[]);
        let caller = program.client(&key);
        caller.update(header(&list).add(), numbered_contacts(applied * 2000, 2000)).await.expect("it may grow");
        assert_whole_to(&caller, &setup, &list).await;
        assert_eq!(caller.list(&list).await.contact_count, count + 2000);
    }
}
