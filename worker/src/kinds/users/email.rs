//! E-mail addresses in the one form in which they are stored and compared: a mailbox has many
//! spellings.

use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Email {
    /// As it is stored: the domain as IDNA maps it, without regard to case or invisible characters.
    pub(super) address: String,
    /// As it is compared: without regard to case before the `@` either.
    pub(super) key: String,
}

impl Email {
    /// An address as HTML has valid ones, with a dot in its domain; `None`: it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (local, domain) = text.rsplit_once('@')?;
        let is_local = !local.is_empty()
            && local.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
            });
        let domain = is_local.then(|| standard_domain(domain)).flatten()?;
        Some(Self {
            address: format!("{local}@{domain}"),
            key: format!("{}@{domain}", local.to_ascii_lowercase()),
        })
    }
}

/// By way of the form that name servers know, which all spellings of a domain share.
fn standard_domain(domain: &str) -> Option<String> {
    let uts46 = Uts46::new();
    let ascii = uts46
        .to_ascii(
            domain.as_bytes(),
            AsciiDenyList::STD3,
            Hyphens::CheckFirstLast,
            DnsLength::Verify,
        )
        .ok()?;
    let (readable, checked) = uts46.to_unicode(
        ascii.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
    );
    (checked.is_ok() && ascii.contains('.')).then(|| readable.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_judged_as_html_does_with_a_dot_in_the_domain() {
        for good in [
            "anna@example.com",
            "a.b+c@sub.example.co",
            "anna@bücher.example",
            "a@r3--sn.example",
            "o'neil@x.example",
        ] {
            assert!(Email::read(good).is_some(), "{good}");
        }
        let bad = [
            "anna",
            "anna@",
            "@example.com",
            "anna@localhost",
            "a b@example.com",
            "anna@example..com",
            "josé@example.com",
            "a@[1.2.3.4]",
            "a@xn--",
            "a@xn--a.example",
            "a@-x.example",
            "a@x-.example",
            "a@example.com.",
            "a@.example",
            "a@b@example.com",
            "a@x_y.example",
        ];
        for bad in bad {
            assert_eq!(Email::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn all_spellings_of_a_mailbox_are_one() {
        let spellings = [
            "Anna@bücher.example",
            "anna@BÜCHER.example",
            "anna@xn--bcher-kva.example",
            "anna@bu\u{308}cher.example",
            "anna@b\u{ad}ücher.example",
            "anna@bü\u{200b}cher.Example",
            "anna@ｂücher。example",
        ];
        for spelling in spellings {
            let email = Email::read(spelling).unwrap_or_else(|| panic!("{spelling} is an address"));
            assert_eq!(email.key, "anna@bücher.example", "{spelling}");
            assert_eq!(
                email.address.split_once('@'),
                spelling
                    .split_once('@')
                    .map(|(local, _)| (local, "bücher.example")),
                "{spelling}"
            );
        }
    }
}
