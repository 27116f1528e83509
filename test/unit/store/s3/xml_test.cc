// SPDX-License-Identifier: Apache-2.0
#include "store/s3/xml.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

namespace floe::store {
namespace {

TEST(XmlTest, ReadsElementsTextAndWhatIsAroundThem) {
  auto root = ParseXml(
      "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- c --> <s3:Root xmlns:s3='x' a=\"1\" >\n"
      "<Key>a&amp;b&lt;&gt;&quot;&apos;&#65;&#x42;</Key><Empty/><Empty />"
      "<Data><![CDATA[<raw>&amp;]]></Data><!-- no --><Key>second</Key></s3:Root>\n<!-- end -->");
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(root->name, "Root");
  EXPECT_EQ(root->children.size(), 5u);
  EXPECT_EQ(root->ChildText("Key"), "a&b<>\"'AB");
  EXPECT_EQ(root->ChildText("Data"), "<raw>&amp;");
  EXPECT_EQ(root->ChildText("Empty"), "");
  EXPECT_EQ(root->ChildText("Absent"), "");
  EXPECT_EQ(root->Child("Absent"), nullptr);
}

TEST(XmlTest, ReadsCharactersByNumberAsUtf8) {
  EXPECT_EQ(ParseXml("<a>&#xe4;&#x20ac;&#x1f600;</a>")->text,
            "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
}

TEST(XmlTest, RefusesWhatIsNotWellFormed) {
  for (const char* text : {"",
                           "text",
                           "<a>",
                           "</a>",
                           "<a></b>",
                           "<a",
                           "<a/",
                           "<a/><b/>",
                           "<a>&unknown;</a>",
                           "<a>&amp</a>",
                           "<a>&</a>",
                           "<a>&#;</a>",
                           "<a>&#x;</a>",
                           "<a>&#0;</a>",
                           "<a>&#xd800;</a>",
                           "<a>&#x110000;</a>",
                           "<a>&#-1;</a>",
                           "<a b></a>",
                           "<a b=1></a>",
                           "<a b='1></a>",
                           "<a b='<'></a>",
                           "<a b='1'c='2'/>",
                           "<1a/>",
                           "<a><!-- </a>",
                           "<a><![CDATA[ </a>",
                           "<!DOCTYPE a><a/>",
                           "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>",
                           "<a/>junk",
                           "junk<a/>",
                           "< a/>",
                           "<a></a >x",
                           "<?xml"}) {
    EXPECT_TRUE(absl::IsDataLoss(ParseXml(text).status())) << text;
  }
}

TEST(XmlTest, HasLimits) {
  std::string deep;
  for (int i = 0; i < 16; ++i) deep += "<a>";
  std::string closed = deep;
  for (int i = 0; i < 16; ++i) closed += "</a>";
  EXPECT_TRUE(ParseXml(closed).ok());
  EXPECT_FALSE(ParseXml("<a>" + closed + "</a>").ok());
  std::string many = "<a>";
  for (int i = 0; i < 100'000; ++i) many += "<b/>";
  EXPECT_FALSE(ParseXml(many + "</a>").ok());
}

TEST(XmlTest, EscapesWhatItReads) {
  const std::string text = "a<b>&\"c'";
  EXPECT_EQ(ParseXml(absl::StrCat("<a>", XmlEscape(text), "</a>"))->text, text);
}

TEST(XmlTest, EveryCutOfADocumentIsRefused) {
  const std::string whole = "<a x='1'><b>t&amp;</b><!-- c --><![CDATA[d]]></a>";
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(ParseXml(whole.substr(0, length)).ok()) << length;
  }
}

}  // namespace
}  // namespace floe::store
