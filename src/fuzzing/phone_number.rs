use crate::domain::{
    phone_number::{DefaultRegion, PhoneNumber},
    violation::Reason,
};

/// Regions whose national formats differ: trunk prefixes of one digit, two and none, zeros that are kept, and prefixes that
/// look like country codes.
const REGIONS: [&str; 12] = [
    "AR", "BR", "CI", "DE", "ID", "IT", "JP", "KZ", "MX", "RU", "SM", "US",
];

/// `data` is a byte that chooses a region, or none, and a phone number. A number that is parsed is in E.164, parses to itself
/// in every region, and is never another person's in a region than it is without one.
pub fn phone_number(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let code = REGIONS.get(usize::from(*choice) % (REGIONS.len() + 1));
    let region = code.map(|code| DefaultRegion::parse(code).expect("a region"));
    let parsed = PhoneNumber::parse(text, region);
    if let Ok(number) = parsed {
        reads_back(number);
    }
    match (PhoneNumber::parse(text, None), parsed) {
        (Ok(without_region), Ok(number)) => assert_eq!(number, without_region),
        (Ok(_), Err(invalid)) => assert_eq!(invalid.reason, Reason::PhoneAmbiguous),
        (Err(_), _) => {}
    }
}

fn reads_back(number: PhoneNumber) {
    let text = number.as_str();
    let digits = text.strip_prefix('+').expect("a plus");
    assert!((1..=15).contains(&digits.len()));
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(PhoneNumber::from_stored(text), Some(number));
    assert_eq!(PhoneNumber::parse(text, None).ok(), Some(number));
    for code in REGIONS {
        let region = DefaultRegion::parse(code);
        assert_eq!(PhoneNumber::parse(text, region).ok(), Some(number));
    }
}
