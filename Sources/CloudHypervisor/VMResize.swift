/// What a request for other sizes changes.
struct VMResize {
    /// The memory that is to have another size; nil for none.
    var zone: VMMemory.Zone?
    var changesBalloon = false
}
