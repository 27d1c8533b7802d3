import Configuration
import JSON

/// A balloon as the API has it (`BalloonConfig` of `cloud-hypervisor.yaml`).
extension Balloon {
    init(_ given: Fields) throws(APIError) {
        var fields = given
        self.init(size: try fields.required("size", try fields.size("size")))
        deflatesOnOutOfMemory = try fields.flag("deflate_on_oom") ?? false
        reportsFreePages = try fields.flag("free_page_reporting") ?? false
        _ = try fields.string("id")
        try fields.ignorePCI()
        try fields.finish()
    }

    var json: JSONValue {
        [
            "size": .number(size), "deflate_on_oom": .boolean(deflatesOnOutOfMemory),
            "free_page_reporting": .boolean(reportsFreePages),
        ]
    }
}
