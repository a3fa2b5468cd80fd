//! Files in the formats, encodings and shapes that people have.

use encoding_rs::{SHIFT_JIS, WINDOWS_1252};

use crate::*;

on_both! {
    async fn a_semicolon_csv_with_a_byte_order_mark_from_a_german_spreadsheet_is_imported(desk: Desk) {
        let text = "\u{feff}Name;Vorname;Telefon;E-Mail;Geburtsdatum;PLZ;Ort;Kommentar\r\n\
                    Müller;Jürgen;+49 151 23456789;juergen@example.com;31.12.1980;10115;Berlin;nett\r\n\
                    Schäfer;Änne;0049 151 23456790;;1.2.1975;;;\r\n";
        let ran = desk.import_text("kunden.csv", text, &[]).await.ends_with(0);
        assert_eq!((ran.count("received"), ran.count("created")), (2, 2));
        assert!(ran.stderr.contains("(not imported)             Kommentar"), "{}", ran.stderr);
        let contact = desk.admin.contact("+4915123456789").await.contact.unwrap();
        assert_eq!(contact.name.as_deref(), Some("Jürgen Müller"));
        assert_eq!(contact.email.as_deref(), Some("juergen@example.com"));
        let born = contact.birth_date.unwrap();
        assert_eq!((born.year, born.month, born.day), (1980, 12, 31));
        let address = contact.address.unwrap();
        assert_eq!((address.post_code.as_str(), address.city.as_str()), ("10115", "Berlin"));
        let born = desk.admin.contact("+4915123456790").await.contact.unwrap().birth_date.unwrap();
        assert_eq!((born.year, born.month, born.day), (1975, 2, 1));
    }

    async fn texts_in_other_encodings_are_imported(desk: Desk) {
        let utf16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        let utf16_be = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_be_bytes).collect() };
        let french = "Nom,Téléphone\r\nRenée Lefèvre,+33612345678\r\n";
        let windows_1252 = WINDOWS_1252.encode(french).0.into_owned();
        let japanese = "姓,名,電話番号\r\n山田,太郎,+819012345678\r\n";
        let shift_jis = SHIFT_JIS.encode(japanese).0.into_owned();
        for (file, bytes, phone, name) in [
            ("windows-1252.csv", windows_1252, "+33612345678", "Renée Lefèvre"),
            ("shift-jis.csv", shift_jis, "+819012345678", "山田 太郎"),
            ("bom.csv", utf16("\u{feff}phone;name\r\n+33612345679;Zoë\r\n"), "+33612345679", "Zoë"),
            ("be.csv", utf16_be("\u{feff}phone;name\r\n+33612345680;Zoë\r\n"), "+33612345680", "Zoë"),
            ("no-bom.csv", utf16("phone\tname\r\n+33612345681\tZoë\r\n"), "+33612345681", "Zoë"),
            ("utf-8.csv", "phone|name\n+33612345682|Zoë\n".into(), "+33612345682", "Zoë"),
        ] {
            desk.write(file, bytes);
            desk.import(file, &[]).await.ends_with(0);
            assert_eq!(desk.name_of(phone).await, name, "{file}");
        }
    }

    async fn an_encoding_that_cannot_be_found_out_is_told(desk: Desk) {
        desk.write("mac.csv", b"phone,name\n+33612345678,J\x9frgen\n");
        desk.import("mac.csv", &["--encoding", "macintosh"]).await.ends_with(0);
        assert_eq!(desk.name_of("+33612345678").await, "Jürgen");
    }

    async fn a_file_of_one_column_is_imported_with_a_header_and_without(desk: Desk) {
        let with_header = format!("Telefon\n{}\n{}\n", number(1), number(2));
        desk.import_text("with.csv", &with_header, &[]).await.ends_with(0);
        let without = format!("{}\n{}", number(2), number(3));
        let ran = desk.import_text("without.csv", &without, &[]).await.ends_with(0);
        assert_eq!((ran.count("created"), ran.count("unchanged")), (1, 1));
        assert_eq!(desk.phones().await, numbers(1..=3));
    }

    async fn quotes_and_line_ends_inside_cells_are_kept(desk: Desk) {
        let text = format!(
            "phone,name\n{},\"Renée \"\"R\"\"\nLefèvre, Dr.\"\n{},5\" nails\n",
            number(1),
            number(2)
        );
        desk.import_text("quotes.csv", &text, &[]).await.ends_with(0);
        assert_eq!(desk.name_of(&number(1)).await, "Renée \"R\"\nLefèvre, Dr.");
        assert_eq!(desk.name_of(&number(2)).await, "5\" nails");
    }

    async fn a_line_that_names_the_separator_is_not_a_row(desk: Desk) {
        let text = format!("sep=;\r\nphone;name\r\n{};Doe, Jane\r\n", number(1));
        desk.import_text("excel.csv", &text, &[]).await.ends_with(0);
        assert_eq!(desk.name_of(&number(1)).await, "Doe, Jane");
    }

    async fn short_and_empty_rows_are_no_mistake(desk: Desk) {
        let text = format!("phone,name,email\n\n{},Ada\n,,\n{}\n", number(1), number(2));
        let ran = desk.import_text("short.csv", &text, &[]).await.ends_with(0);
        assert_eq!(ran.count("created"), 2);
    }

    async fn an_empty_cell_keeps_what_is_stored(desk: Desk) {
        let text = |name: &str| format!("phone,name\n{},{name}\n", number(1));
        desk.import_text("contacts.csv", &text("Ada"), &[]).await.ends_with(0);
        let ran = desk.import_text("contacts.csv", &text(""), &[]).await.ends_with(0);
        assert_eq!(ran.count("unchanged"), 1);
        assert_eq!(desk.name_of(&number(1)).await, "Ada");
    }

    async fn jsonl_is_imported(desk: Desk) {
        let line = json!({
            "phone": number(1), "name": "Ada", "address": {"city": "London"}, "birth_date": "1815-12-10",
        });
        desk.import_text("contacts.jsonl", &format!("{line}\n\n"), &[]).await.ends_with(0);
        let contact = desk.admin.contact(&number(1)).await.contact.unwrap();
        assert_eq!(contact.address.unwrap().city, "London");
        assert_eq!(contact.birth_date.unwrap().year, 1815);
    }

    async fn standard_input_is_imported(desk: Desk) {
        let mut command = desk.command(&["import", "-", "--list", LIST]);
        desk.write("input", table(1..=2));
        command.stdin(std::fs::File::open(desk.path("input")).unwrap());
        run(command).await.ends_with(0);
        assert_eq!(desk.phones().await, numbers(1..=2));
    }

    async fn the_sample_as_csv_is_the_same_as_its_jsonl(desk: Desk) {
        create_sample_object(&desk.admin).await;
        let example = |name: &str| format!("{}/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        let ran = desk.import(&example("contacts.csv"), &["--request-id", REQUEST_ID]).await.ends_with(0);
        assert_eq!(ran.count("created"), 3000);
        let other = "0d8c4f2b-7a16-4d2f-9a3e-6b1e9f0c55d1";
        let ran = desk.import(&example("contacts.jsonl"), &["--request-id", other]).await.ends_with(0);
        assert_eq!(ran.count("unchanged"), 3000);
    }
}

/// The sample is in the repository, where no state is to be kept beside it.
const REQUEST_ID: &str = "6b1e9f0c-55d1-4d2f-9a3e-0d8c4f2b7a16";

/// The custom object of the sample's properties.
pub async fn create_sample_object(admin: &Client) {
    use contact_lists::proto::custom_property::Type;
    let properties = [
        ("plan", Type::Text),
        ("orders", Type::Number),
        ("lifetime_value", Type::Float),
        ("vip", Type::Boolean),
        ("customer_since", Type::Date),
        ("interests", Type::List),
        ("settings", Type::Map),
    ];
    let properties = properties.map(|(key, kind)| property(key, kind));
    admin.create_object("customer", properties.to_vec()).await;
}
