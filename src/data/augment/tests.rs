use super::*;

#[test]
fn nothing_is_the_default() {
    assert!(Augment::default().is_none() && Augment::default().check().is_ok());
}
