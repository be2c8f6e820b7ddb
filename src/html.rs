pub fn plan<T>(_: T) -> String {
    String::new()
}
pub fn run<T>(_: T) -> String {
    String::new()
}
pub fn runs<T>(_: T) -> String {
    String::new()
}
pub fn sweep<T>(_: T) -> String {
    String::new()
}
pub fn comparison<T>(_: T) -> String {
    String::new()
}
