//! Columns, and what their cells become.

use contact_lists::proto::custom_property::Type;

use crate::*;

on_both! {
    async fn two_columns_that_could_be_the_phone_are_a_question_which_map_answers(desk: Desk) {
        let text = format!("Telefon;Mobil\n030 1;{}\n", number(1));
        desk.import_text("two.csv", &text, &[]).await.refused_with("--map phone=\"Mobil\"");
        desk.import("two.csv", &["--map", "phone=Mobil"]).await.ends_with(0);
        assert_eq!(desk.phones().await, numbers([1]));
    }

    async fn a_file_without_a_phone_is_a_question_with_its_columns(desk: Desk) {
        desk.import_text("no-phone.csv", "who,where\nAda,London\n", &[]).await.refused_with("the columns are who, where");
        desk.import("no-phone.csv", &["--map", "phone=what"]).await.refused_with("there is no such column");
    }

    async fn a_title_above_the_header_is_pointed_out(desk: Desk) {
        let text = format!("Kundenliste 2026;\nName;Telefon\nAda;{}\n", number(1));
        desk.import_text("title.csv", &text, &[]).await.refused_with("the header must be the first row");
    }

    async fn thousands_of_national_numbers_without_a_region_are_refused_before_they_are_sent(desk: Desk) {
        let rows = |count: u32| (0..count).map(|n| format!("0151 2{n:07}\n")).collect::<String>();
        let ran = desk.import_text("national.csv", &format!("phone\n{}", rows(1000)), &[]).await;
        assert!(ran.stderr.contains("say --region"), "{ran:?}");
        ran.refused_with("the phones of the first 1000 contacts are all rejected");
        assert_eq!((desk.update_count().await, desk.has("national.csv.import-state")), (0, false));
        desk.import("national.csv", &["--region", "DE"]).await.ends_with(0);
        let one = format!("phone\n{}{}\n", rows(999), number(1));
        let ran = desk.import_text("one.csv", &one, &["--dry-run"]).await.ends_with(3);
        assert_eq!((ran.count("created"), ran.count("rejected")), (1, 999));
    }

    async fn a_field_that_does_not_exist_is_refused_by_the_command_line(desk: Desk) {
        let ran = desk.import_text("contacts.csv", &table([1]), &["--map", "phnoe=phone"]).await.ends_with(2);
        assert!(ran.stderr.contains("phnoe is not a field"), "{ran:?}");
    }

    async fn properties_are_recognized_and_mapped_and_read_by_their_types(desk: Desk) {
        let properties = [
            ("plan", Type::Text), ("orders", Type::Number), ("value", Type::Float), ("vip", Type::Boolean),
            ("since", Type::Date), ("tags", Type::List), ("settings", Type::Map),
        ];
        let properties = properties.map(|(key, kind)| property(key, kind));
        desk.admin.create_object("customer", properties.to_vec()).await;
        let text = format!(
            "phone;Tarif;Orders;properties.value;VIP;since;tags;settings\n{};007;3;1,5;ja;31.12.2020;a, b;{{\"x\": 1}}\n",
            number(1)
        );
        let ran = desk.import_text("contacts.csv", &text, &["--map", "properties.plan=Tarif"]).await.ends_with(0);
        assert_eq!(ran.count("created"), 1);
        let members = desk.admin.members(&desk.list).await;
        let properties = members[0].contact.clone().unwrap().properties.unwrap();
        let expected = json!({
            "plan": "007", "orders": 3, "value": 1.5, "vip": true, "since": "2020-12-31", "tags": ["a", "b"],
            "settings": {"x": 1},
        });
        assert_eq!(json_of(&properties), expected);
    }

    async fn a_property_that_the_object_has_not_is_refused_before_anything_is_sent(desk: Desk) {
        desk.admin.create_object("customer", vec![property("plan", Type::Text)]).await;
        let text = format!("phone,properties.plna\n{},pro\n", number(1));
        desk.import_text("contacts.csv", &text, &[]).await.refused_with("no property plna; it has plan");
        assert_eq!(desk.update_count().await, 0);
    }

    async fn a_date_that_could_be_two_is_a_question_unless_another_shows_the_order(desk: Desk) {
        let text = |dates: &[&str]| {
            let rows = dates.iter().zip(1..).map(|(date, n)| format!("{},{date}\n", number(n)));
            format!("phone,birthday\n{}", rows.collect::<String>())
        };
        let born = async || desk.admin.contact(&number(1)).await.contact.unwrap().birth_date.unwrap().month;
        let ambiguous = text(&["01/02/1980", "03/04/1980"]);
        desk.import_text("ambiguous.csv", &ambiguous, &[]).await.refused_with("row 2: is 01/02/1980 the day first");
        assert_eq!(desk.update_count().await, 0);
        desk.import("ambiguous.csv", &["--date-order", "month-first"]).await.ends_with(0);
        assert_eq!(born().await, 1);
        desk.import_text("shown.csv", &text(&["01/02/1980", "31/12/1980"]), &[]).await.ends_with(0);
        assert_eq!(born().await, 2);
        let contradicting = text(&["12/31/1980", "31/12/1980"]);
        desk.import_text("both.csv", &contradicting, &[]).await.refused_with("row 3 has the date 31/12/1980");
    }

    async fn a_number_that_could_be_two_is_a_question_unless_its_column_shows_the_separator(desk: Desk) {
        desk.admin.create_object("customer", vec![property("value", Type::Float)]).await;
        let text = |values: &[&str]| {
            let rows = values.iter().zip(1..).map(|(value, n)| format!("{};{value}\n", number(n)));
            format!("phone;value\n{}", rows.collect::<String>())
        };
        let value = async || {
            let members = desk.admin.members(&desk.list).await;
            let first = members.into_iter().filter_map(|it| it.contact).find(|it| it.phone() == number(1));
            json_of(&first.unwrap().properties.unwrap())["value"].as_f64().unwrap()
        };
        for (file, ambiguous, comma, point) in [("point.csv", "1.234", 1234.0, 1.234), ("comma.csv", "1,234", 1.234, 1234.0)] {
            desk.import_text(file, &text(&[ambiguous, "5"]), &[]).await.refused_with(&format!("row 2: is {ambiguous} in value"));
            desk.import_text(file, &text(&[ambiguous, "1,5", "1.5"]), &[]).await.refused_with("Say --decimal-separator");
            for (other, flags, expected) in [
                ("1,5", &[][..], comma),
                ("1.5", &[], point),
                ("5", &["--decimal-separator", "comma"], comma),
                ("5", &["--decimal-separator", "point"], point),
            ] {
                desk.import_text(file, &text(&[ambiguous, other]), flags).await.ends_with(0);
                assert_eq!(value().await, expected, "{ambiguous} beside {other} with {flags:?}");
            }
        }
    }

    async fn national_numbers_are_of_the_region_that_is_given_and_never_guessed(desk: Desk) {
        let text = "phone\n0151 23456789\n4915123456789\n";
        let ran = desk.import_text("national.csv", text, &["--region", "DE"]).await.ends_with(3);
        assert_eq!((ran.count("created"), ran.count("rejected")), (1, 1));
        assert_eq!(desk.phones().await, ["+4915123456789"]);
        let rejected = desk.read("national.csv.rejected.csv");
        assert!(rejected.contains("phone can be a number of DE or one with a country code"), "{rejected}");
    }

    async fn without_a_region_the_organizations_applies(desk: Desk) {
        let german = desk.service.organization_in("DE").await;
        let caller = desk.service.client(&german.admin_key);
        let list = caller.create_list(LIST).await;
        desk.write("national.csv", "phone\n0151 23456789\n");
        let args = ["import", "national.csv", "--list", LIST];
        run(program(desk.folder.path(), &desk.server, &german.admin_key, &args)).await.ends_with(0);
        assert_eq!(phones(&caller.members(&list).await), ["+4915123456789"]);
    }

    async fn what_a_spreadsheet_dropped_from_phones_is_put_back_when_told(desk: Desk) {
        let text = "phone\n4915123456789\n";
        desk.import_text("plus.csv", text, &["--restore-phones", "plus"]).await.ends_with(0);
        let text = "phone\n15123456780\n";
        desk.import_text("zero.csv", text, &["--restore-phones", "zero", "--region", "DE"]).await.ends_with(0);
        assert_eq!(desk.phones().await, ["+4915123456780", "+4915123456789"]);
    }

    async fn contacts_are_opted_in_to_the_channels_that_are_named(desk: Desk) {
        let (first, second) = (desk.admin.create_channel("+12025550100").await, desk.admin.create_channel("+12025550101").await);
        for (n, flags) in [
            (1, &["--opt-in-to", "none"][..]),
            (2, &["--opt-in-to", &first]),
            (3, &["--opt-in-to", "+12025550101"]),
            (4, &[]),
        ] {
            desk.import_text("contacts.csv", &table([n]), flags).await.ends_with(0);
        }
        let opted_in = async |n| desk.admin.opt_states(&number(n)).await.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(opted_in(1).await, [""; 0]);
        assert_eq!(opted_in(2).await, std::slice::from_ref(&first));
        assert_eq!(opted_in(3).await, std::slice::from_ref(&second));
        assert_eq!(opted_in(4).await.len(), 2);
        desk.import("contacts.csv", &["--opt-in-to", "none", "--opt-in-to", &first]).await.refused_with("go with no other");
        desk.import("contacts.csv", &["--opt-in-to", "Nobody"]).await.refused_with("there is no channel \"Nobody\"");
    }

    async fn opt_outs_are_kept_unless_resubscribe_is_given(desk: Desk) {
        let channel = desk.admin.create_channel("+12025550100").await;
        desk.import_text("contacts.csv", &table([1]), &[]).await.ends_with(0);
        desk.admin.opt_out(&number(1), &[&channel]).await;
        let ran = desk.import("contacts.csv", &[]).await.ends_with(0);
        assert_eq!(ran.count("kept opt-outs"), 1);
        let ran = desk.import("contacts.csv", &["--resubscribe"]).await.ends_with(0);
        assert_eq!(ran.count("opted in to channels"), 1);
    }
}
