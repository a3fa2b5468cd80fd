//! A file that is cut off in the middle: nothing of it is applied.

use crate::*;

/// The file is refused for this reason, before anything is sent.
async fn is_refused(desk: &Desk, name: &str, bytes: impl AsRef<[u8]>, reason: &str) {
    desk.write(name, bytes);
    desk.import(name, &[]).await.refused_with(reason);
    assert_eq!(desk.update_count().await, 0, "{name}");
    assert!(!desk.has(&format!("{name}.import-state")));
}

on_both! {
    async fn a_file_that_is_cut_off_is_refused(desk: Desk) {
        let whole = table(1..=3);
        is_refused(&desk, "row.csv", whole.rsplit_once(',').unwrap().0, "row 4 has 1 of 2 cells, and no line end").await;
        let quoted = format!("phone,name\n{},\"Ada\"\n{},\"Bo", number(1), number(2));
        is_refused(&desk, "quote.csv", quoted, "a quote that begins in row 3 has no end").await;
        let letter = [format!("phone,name\n{},Ren", number(1)).as_bytes(), b"\xc3"].concat();
        is_refused(&desk, "letter.csv", letter, "not UTF-8").await;
        let lines = format!("{}\n{{\"phone\": \"+49", json!({"phone": number(1)}));
        is_refused(&desk, "line.jsonl", lines, "line 2 is not a JSON object").await;
        let workbook = workbook::bytes(&[&[workbook::Cell::Text("phone")], &[workbook::Cell::Text("+4915123456789")]]);
        is_refused(&desk, "workbook.xlsx", &workbook[..workbook.len() / 2], "workbook.xlsx: it is not an .xlsx workbook").await;
    }

    async fn a_damaged_letter_in_utf_8_is_refused_and_not_taken_for_another_encoding(desk: Desk) {
        let bytes = [format!("phone,name\n{},Renée Zoë\n{},Ren", number(1), number(2)).as_bytes(), b"\xe9\n"].concat();
        is_refused(&desk, "damaged.csv", bytes, "not UTF-8").await;
    }

    async fn a_quote_that_swallows_rows_is_refused_with_its_row(desk: Desk) {
        let rows = |middle: &str| format!("phone,name\n{},Ada\n{middle}{},Eve\n", number(1), number(9));
        let (two, three) = (number(2), number(3));
        let behind = rows(&format!("{two},\"Bob\n{three},\"Cid\"\n"));
        is_refused(&desk, "behind.csv", behind, "row 3: text follows the quote that ends a cell").await;
        let nick = rows(&format!("{two},\"Bob \"The B\" Ross\"\n"));
        is_refused(&desk, "nick.csv", nick, "row 3: text follows the quote").await;
        let lines = rows(&format!("{two},\"Bob\n{three},Cid\"\n"));
        is_refused(&desk, "lines.csv", lines, "row 3: a quote begins a cell there that goes on over lines").await;
        let names = format!("name;phone;city\nAda;{};\n\"Bob;{two};Rome\nCid;{three};Oslo\"\n", number(1));
        is_refused(&desk, "first.csv", names, "row 3: a quote begins a cell").await;
        let phones = format!("phone\n{}\n\"{two}\n{three}\n{}\"\n", number(1), number(4));
        is_refused(&desk, "phones.csv", phones, "row 3: a quote begins a cell").await;
    }

    async fn a_last_row_without_the_line_end_that_the_others_have_is_pointed_out(desk: Desk) {
        let whole = table(1..=3);
        let ran = desk.import_text("cut.csv", whole.trim_end(), &["--dry-run"]).await.ends_with(0);
        assert!(ran.stderr.contains("note: row 4, the last one, has no line end"), "{ran:?}");
        let ran = desk.import_text("whole.csv", &whole, &["--dry-run"]).await.ends_with(0);
        assert!(!ran.stderr.contains("line end"), "{ran:?}");
    }

    async fn an_overwrite_with_a_file_that_is_cut_off_removes_nobody(desk: Desk) {
        desk.import_text("contacts.csv", &table(1..=3), &[]).await.ends_with(0);
        let cut = table(1..=2).rsplit_once(',').unwrap().0.to_owned();
        desk.import_text("cut.csv", &cut, &["--action", "overwrite", "--yes"]).await.refused_with("cut off");
        assert_eq!(desk.phones().await, numbers(1..=3));
    }
}
