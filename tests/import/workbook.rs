//! Workbooks of Excel and other spreadsheets.

use std::io::{Cursor, Write};

use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::*;

/// A cell of a workbook.
pub enum Cell {
    Text(&'static str),
    Number(f64),
    /// The days since the end of 1899, formatted as a date.
    Date(u32),
}

impl Cell {
    fn xml(&self) -> String {
        match self {
            Self::Text(text) => format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>"),
            Self::Number(number) => format!("<c><v>{number}</v></c>"),
            Self::Date(days) => format!("<c s=\"1\"><v>{days}</v></c>"),
        }
    }
}

const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>"#;
const RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Tabelle1" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const WORKBOOK_RELATIONS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
/// The second format is that of dates.
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#;

/// A workbook with one sheet.
pub fn bytes(rows: &[&[Cell]]) -> Vec<u8> {
    let rows = rows.iter().map(|row| {
        format!(
            "<row>{}</row>",
            row.iter().map(Cell::xml).collect::<String>()
        )
    });
    let sheet = format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{}</sheetData></worksheet>",
        rows.collect::<String>()
    );
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", RELATIONS),
        ("xl/workbook.xml", WORKBOOK),
        ("xl/_rels/workbook.xml.rels", WORKBOOK_RELATIONS),
        ("xl/styles.xml", STYLES),
        ("xl/worksheets/sheet1.xml", &sheet),
    ] {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(name, options)
            .expect("a file in the archive");
        zip.write_all(text.as_bytes()).expect("its text");
    }
    zip.finish().expect("an archive").into_inner()
}

on_both! {
    async fn a_workbook_with_dates_and_numeric_phones_is_imported_and_what_they_lost_is_pointed_out(desk: Desk) {
        use Cell::{Date, Number, Text};
        let workbook = bytes(&[
            &[Text("Name"), Text("Handy"), Text("Geburtsdatum")],
            &[Text("Ada"), Number(4_915_123_456_789.0), Date(29_221)],
            &[],
            &[Text("Grace"), Text("+49 151 23456790"), Text("1.2.1975")],
        ]);
        desk.write("contacts.xlsx", workbook);
        let ran = desk.import("contacts.xlsx", &[]).await.ends_with(3);
        assert!(ran.stderr.contains("phones as numbers, which have lost a + or a 0"), "{ran:?}");
        let rejected = desk.read("contacts.xlsx.rejected.csv");
        assert!(rejected.contains("\n2,\"Handy must start with +"), "{rejected}");
        assert!(rejected.contains(",Ada,4915123456789,1980-01-01"), "{rejected}");

        let ran = desk.import("contacts.xlsx", &["--restore-phones", "plus"]).await.ends_with(0);
        assert!(!ran.stderr.contains("have lost"), "{ran:?}");
        assert_eq!(desk.phones().await, ["+4915123456789", "+4915123456790"]);
        let born = desk.admin.contact("+4915123456789").await.contact.unwrap().birth_date.unwrap();
        assert_eq!((born.year, born.month, born.day), (1980, 1, 1));
    }

    async fn post_codes_and_external_ids_that_are_numbers_are_pointed_out(desk: Desk) {
        use Cell::{Number, Text};
        let rows = |plz, id| bytes(&[&[Text("phone"), Text("PLZ"), Text("Kundennummer")], &[Text("+4915123456789"), plz, id]]);
        desk.write("numbers.xlsx", rows(Number(1067.0), Number(7.0)));
        let ran = desk.import("numbers.xlsx", &["--dry-run"]).await.ends_with(0);
        for column in ["PLZ", "Kundennummer"] {
            assert!(ran.stderr.contains(&format!("note: the sheet has numbers in {column}, which have lost any 0")), "{ran:?}");
        }
        desk.write("texts.xlsx", rows(Text("01067"), Text("007")));
        let ran = desk.import("texts.xlsx", &[]).await.ends_with(0);
        assert!(!ran.stderr.contains("note:"), "{ran:?}");
    }

    async fn numbers_of_a_workbook_are_never_misread(desk: Desk) {
        use Cell::{Number, Text};
        use contact_lists::proto::custom_property::Type;
        desk.admin.create_object("customer", vec![property("value", Type::Float)]).await;
        desk.write("values.xlsx", bytes(&[
            &[Text("phone"), Text("value")],
            &[Text("+4915123456789"), Number(1.234)],
            &[Text("+4915123456790"), Text("1,5")],
            &[Text("12"), Number(1.234)],
        ]));
        desk.import("values.xlsx", &[]).await.ends_with(3);
        let first = desk.admin.members(&desk.list).await.remove(0).contact.unwrap();
        assert_eq!(json_of(&first.properties.unwrap()), json!({"value": 1.234}));
        assert!(desk.read("values.xlsx.rejected.csv").contains(",12,1.2340"));
    }

    async fn a_workbook_of_another_kind_or_name_is_refused_with_what_to_do(desk: Desk) {
        let workbook = bytes(&[&[Cell::Text("phone")]]);
        desk.write("contacts.csv", &workbook);
        desk.import("contacts.csv", &[]).await.refused_with("contacts.csv: it is a workbook or another archive");
        desk.write("old.xlsx", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
        desk.import("old.xlsx", &[]).await.refused_with("old.xlsx: it is an old .xls workbook: save it as .xlsx");
        desk.write("contacts.ods", &workbook);
        desk.import("contacts.ods", &[]).await.refused_with("contacts.ods: save it as .xlsx");
    }

    async fn a_sheet_that_is_not_there_refused_with_those_that_are(desk: Desk) {
        desk.write("contacts.xlsx", bytes(&[&[Cell::Text("phone")]]));
        desk.import("contacts.xlsx", &["--sheet", "Kunden"]).await.refused_with("the sheets are Tabelle1");
    }
}
