// Package catalogue makes documents of what aggregates take and store: Markdown for people, and AsyncAPI for tools. A
// program of the application that has its definitions calls [Run]:
//
//	func main() {
//		accounts, err := aggregate.Describe(bank.Accounts())
//		if err == nil {
//			err = catalogue.Run("Bank", os.Args[1:], accounts)
//		}
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//
// Keep what it writes in the repository, and let CI run it with -check: then a change of an event's shape is seen in
// review. To see that old events are still read is the matter of aggregatetest.Golden. Read aggregate.Describe next,
// which says what the documents are made of.
package catalogue
