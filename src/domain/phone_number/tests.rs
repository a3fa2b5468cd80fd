use proptest::prelude::*;

use super::*;

fn parse(number: &str, region: Option<&str>) -> Result<String, Reason> {
    PhoneNumber::parse(number, region.and_then(DefaultRegion::parse))
        .map(|number| number.as_str().to_owned())
        .map_err(|invalid| invalid.reason)
}

#[track_caller]
fn assert_all_are(expected: Result<&str, Reason>, region: Option<&str>, numbers: &[&str]) {
    let expected = expected.map(str::to_owned);
    for number in numbers {
        assert_eq!(parse(number, region), expected, "{number:?} in {region:?}");
    }
}

const INVALID: Result<&str, Reason> = Err(Reason::PhoneInvalid);
const AMBIGUOUS: Result<&str, Reason> = Err(Reason::PhoneAmbiguous);
const EXTENSION: Result<&str, Reason> = Err(Reason::PhoneHasExtension);
const WITHOUT_REGION: Result<&str, Reason> = Err(Reason::PhoneWithoutRegion);

#[test]
fn regions_are_those_of_the_metadata() {
    assert!(DefaultRegion::parse("US").is_some());
    for code in ["XX", "us-east", "", "USA"] {
        assert!(DefaultRegion::parse(code).is_none(), "{code}");
    }
}

#[test]
fn a_number_has_punctuation_between_its_digits_and_around_them() {
    let numbers = [
        "+4915112345678",
        "+49 (0)151 1234-5678",
        "(+49) 151/12345678",
        "+49.151.12345678",
        "++49 151 12345678",
        "+0049 151 12345678",
        "\u{ff0b}49\u{2010}151\u{2013}12345678",
        "'+4915112345678",
        "\"+4915112345678\",",
        "=+4915112345678",
        "\u{260e}\u{fe0f} +49 151 12345678",
        "<+49 151 12345678>",
        "+49\t151\n12345678",
    ];
    assert_all_are(Ok("+4915112345678"), None, &numbers);
}

#[test]
fn format_characters_are_dropped_and_every_space_is_a_space() {
    let numbers = [
        "\u{feff}+14155552672",
        "+\u{200f}14155552672",
        "+1415\u{2066}5552672\u{2069}",
        "+1415\u{ad}5552672",
        "+1\u{61c}4155552672",
        "+1\u{202f}415\u{2009}555\u{3000}2672",
        "+1\u{2007}415\u{205f}555\u{1680}2672\u{85}",
        "\u{200e}tel\u{200e}:\u{200e}+1\u{200e}4155552672",
    ];
    assert_all_are(Ok("+14155552672"), None, &numbers);
}

#[test]
fn digits_are_those_of_any_script() {
    let numbers = [
        "+\u{ff11}\u{ff14}\u{ff11}\u{ff15}5552672",
        "+\u{661}\u{664}\u{661}\u{665}5552672",
        "+\u{967}\u{96a}\u{967}\u{96b}5552672",
    ];
    assert_all_are(Ok("+14155552672"), None, &numbers);
    let no_digits = [
        "+1415555267\u{2461}",
        "+1415555267\u{b2}",
        "+1415555267\u{2167}",
    ];
    assert_all_are(INVALID, None, &no_digits);
}

#[test]
fn letters_are_no_digits() {
    let numbers = [
        "",
        "hello",
        "+34 6XX XXX XXX",
        "+33 6 98 xx xx xx",
        "+49 89 123456 (work)",
        "home: +49 89 123456",
        "+1 800 FLOWERS",
        "+49 89 123456 \u{434}\u{43e}\u{43c}",
        "+4989 \u{ff11}23456\u{ff21}",
        "+49 89 123456 or +49 89 123457",
        "4.91515E+12",
    ];
    assert_all_are(INVALID, Some("DE"), &numbers);
}

#[test]
fn stars_hashes_and_other_pluses_make_no_number() {
    let numbers = [
        "*31#015112345678",
        "015112345678#",
        "*2255",
        "\u{2795}49 151 12345678",
        "\u{b1}4915112345678",
        "49+15112345678",
        "+49 151+12345678",
        "+'4915112345678",
        "+",
    ];
    assert_all_are(INVALID, Some("DE"), &numbers);
    assert_all_are(INVALID, Some("IL"), &["*2255"]);
}

#[test]
fn a_text_is_one_number() {
    let numbers = [
        "+49 30 901820 / +49 30 901821",
        "030 901820; 030 901821",
        "030 901820, 901821",
        "030 901820/21",
        "030 901820 (21)",
        "030 901820 ~ 21",
        "030 901820\n21",
    ];
    assert_all_are(INVALID, Some("DE"), &numbers);
    let one = ["030/901820", "(030) 901820", "030\n901820", "030 9018-20"];
    assert_all_are(Ok("+4930901820"), Some("DE"), &one);
}

#[test]
fn a_decimal_fraction_is_no_number() {
    let numbers = ["4915112345678.0", "+4915112345678.0", "15112345678.00"];
    assert_all_are(INVALID, Some("DE"), &numbers);
}

#[test]
fn an_extension_is_named_where_it_is_one() {
    let numbers = [
        "+49 30 901820 ext. 12",
        "+4930901820;ext=12",
        "+1 212 555 2368 x5",
        "+1 212 555 2368 #5",
        "+1 212 555 2368, Extension: 5",
        "tel:+1-212-555-2368;ext=5",
    ];
    assert_all_are(EXTENSION, None, &numbers);
}

#[test]
fn uris_are_read() {
    let numbers = [
        "tel:+49-151-12345678",
        "TEL:+4915112345678;isub=1;foo=bar",
        "tel:%2B49%20151%2012345678",
        "tel:151-12345678;phone-context=+49",
        "tel:0151-12345678;phone-context=%2B49",
        "tel:12345678;ignored=yes;Phone-Context=+49-151",
        "tel:+4915112345678;phone-context=example.com",
        "tel://+4915112345678",
        "sms:+4915112345678?body=Call%20030%20901820",
        "whatsapp:+4915112345678",
    ];
    assert_all_are(Ok("+4915112345678"), None, &numbers);
    assert_all_are(Ok("+4915112345678"), Some("DE"), &["tel:0151-12345678"]);
    let bad = [
        "tel:+4915112345678;phone-context=+49",
        "tel:0151-12345678;phone-context=example.com",
        "tel:0151-12345678;phone-context=",
        "tel:0151-12345678;phone-context=+49;phone-context=+43",
        "tel:+4915112345678;m-must=know",
        "tel:+1-800-FLOWERS",
        "tel:%ff",
        "tel:tel:+4915112345678",
        ";phone-context=+49tel:15112345678",
        "sms:+4915112345678,+4915112345679",
        "fax:+4915112345678",
        "mailto:+4915112345678",
    ];
    assert_all_are(INVALID, Some("DE"), &bad);
}

#[test]
fn two_zeros_are_a_plus_where_the_region_does_not_read_them_otherwise() {
    for region in [
        None,
        Some("DE"),
        Some("US"),
        Some("AU"),
        Some("JP"),
        Some("BR"),
    ] {
        assert_all_are(
            Ok("+33612345678"),
            region,
            &["0033612345678", "00 33 612345678"],
        );
    }
    assert_all_are(
        INVALID,
        None,
        &["0015112345678901", "00", "000 33612345678"],
    );
    // Toll-free there.
    assert_all_are(Ok("+8100662572973"), Some("JP"), &["0066-2572973"]);
    // Dialled there, 003 leads abroad and the number is one in Belgium; with 00 for + it is one in France.
    assert_all_are(AMBIGUOUS, Some("SG"), &["0033267053249"]);
}

#[test]
fn international_prefixes_are_those_of_the_region() {
    let expected = Ok("+442079460958");
    assert_all_are(expected, Some("US"), &["011 44 20 7946 0958"]);
    assert_all_are(expected, Some("AU"), &["0011 44 20 7946 0958"]);
    assert_all_are(expected, Some("JP"), &["010 44 20 7946 0958"]);
    assert_all_are(expected, Some("RU"), &["8~10 44 20 7946 0958"]);
    assert_all_are(INVALID, Some("DE"), &["011 44 20 7946 0958"]);
}

#[test]
fn national_formats_need_a_region() {
    assert_all_are(Ok("+4915112345678"), Some("DE"), &["0151 12345678"]);
    assert_all_are(
        Ok("+12125552368"),
        Some("US"),
        &["2125552368", "1 212 555 2368"],
    );
    let numbers = ["0151 12345678", "2125552368", "4915112345678"];
    assert_all_are(WITHOUT_REGION, None, &numbers);
}

#[test]
fn digits_that_are_two_numbers_are_ambiguous() {
    let lost_plus = [
        "4915223456789",
        "49 1522 3456789",
        "4917023456789",
        "49-170-23456789",
    ];
    assert_all_are(AMBIGUOUS, Some("DE"), &lost_plus);
    assert_all_are(AMBIGUOUS, Some("ID"), &["62813456789"]);
    // A German number without its 0, or one in Texas without its +.
    assert_all_are(AMBIGUOUS, Some("DE"), &["15123456789"]);
    // Both readings are the same number.
    assert_all_are(Ok("+628123456789"), Some("ID"), &["628123456789"]);
    assert_all_are(Ok("+16465550123"), Some("US"), &["16465550123"]);
    // With a country code alone: it is not guessed that there was a +.
    assert_all_are(INVALID, Some("US"), &["4915223456789"]);
}

#[test]
fn a_number_that_is_grouped_as_its_country_does_is_not_ambiguous() {
    // New York, or New Zealand.
    let written = ["(646) 655-0123", "646-655-0123", "646 655 0123"];
    assert_all_are(Ok("+16466550123"), Some("US"), &written);
    assert_all_are(
        AMBIGUOUS,
        Some("US"),
        &["6466550123", "64 66550123", "6466 550123"],
    );
    // Arkansas, or Belize, whose code is as long as an area code.
    assert_all_are(Ok("+15012234567"), Some("US"), &["(501) 223-4567"]);
    assert_all_are(AMBIGUOUS, Some("US"), &["501-223-4567", "501 223 4567"]);
}

/// `tests/golden/phones.py` says how the lines were made.
#[test]
fn numbers_of_all_regions_are_read_as_googles_parser_does() {
    let lines = include_str!("../../../tests/golden/phones.tsv").lines();
    let mut wrong = Vec::new();
    for line in lines.filter(|line| !line.starts_with('#')) {
        let mut fields = line
            .split('\t')
            .map(|field| Some(field).filter(|it| !it.is_empty()));
        let mut field = || fields.next().flatten();
        let (region, text, google, difference) = (field(), field(), field(), field());
        let read = parse(text.expect("a text"), region);
        let is_expected = match (&read, difference) {
            (Err(reason), Some(expected)) => reason.as_str_name().ends_with(expected),
            (Ok(number), _) => Some(number.as_str()) == difference.or(google),
            (Err(_), None) => google.is_none(),
        };
        if !is_expected {
            wrong.push(format!("{line}: {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

proptest! {
    #[test]
    fn any_text_is_a_number_that_stays_the_same_or_is_refused(
        text in prop_oneof![
            any::<String>(),
            "(tel:|SMS:|whatsapp:)?[+\u{ff0b}]{0,2}[0-9 ()/.~\u{200e}\u{2009}x#*-]{0,24}(;(phone-context|ext|isub)=[+0-9a-z.%]{0,6}){0,2}",
        ],
        region in prop_oneof![Just(None), Just(Some("DE")), Just(Some("US")), Just(Some("SG"))],
    ) {
        if let Ok(number) = parse(&text, region) {
            prop_assert_eq!(parse(&number, region), Ok(number.clone()));
            prop_assert_eq!(parse(&number, None), Ok(number));
        }
    }

    #[test]
    fn marks_anywhere_change_nothing(
        text in "[+]49151[0-9]{8}|0049 151 [0-9]{8}|0151[0-9]{7,8}|49151[0-9]{8}|[0-9]{8,13}",
        at in 0..10_usize,
        mark in prop_oneof![Just('\u{200e}'), Just('\u{2069}'), Just('\u{feff}'), Just('\u{ad}')],
    ) {
        let mut marked = text.clone();
        marked.insert(at.min(text.len()), mark);
        for region in [None, Some("DE")] {
            prop_assert_eq!(parse(&marked, region), parse(&text, region));
        }
    }
}
