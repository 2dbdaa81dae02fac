"""Words that hold for every catalogue: how people ask, join wishes, and refer back; English and Chinese."""

from __future__ import annotations

ASKING = {
    "en": (
        "{}", "{}", "{}", "{}", "please {}", "could you {}?", "can you {} for me?", "I need you to {}",
        "I'd like you to {}", "would you {}?", "go ahead and {}", "{}, please", "{}, will you?", "I want you to {}",
        "you should {}", "help me {}", "we need to {}", "let's {}", "hey, {}", "kindly {}", "time to {}",
    ),
    "zh": (
        "{}", "{}", "{}", "请{}", "帮我{}", "麻烦你{}", "能不能{}？", "我想{}", "请帮我{}", "可以{}吗？", "我需要{}",
        "{}吧", "你去{}", "给我{}", "替我{}",
    ),
}  # fmt: skip
TELLING = {
    "en": (
        "tell me {}", "what is {}?", "what's {}?", "give me {}", "I want to know {}", "show me {}", "find out {}",
        "let me know {}", "I need {}", "{}?", "{}, please", "get me {}", "could you tell me {}?", "look up {}",
        "fetch {}", "I'd like to see {}",
    ),
    "zh": (
        "告诉我{}", "{}是什么？", "查一下{}", "我想知道{}", "给我看看{}", "{}", "{}是多少？", "帮我查{}", "请问{}是什么？",
        "把{}给我", "看看{}", "请告诉我{}", "我要{}",
    ),
}  # fmt: skip
JOINED = {
    "en": (
        "{} and {}", "{} and {}", "{}, then {}", "{} and then {}", "{}. Then {}", "first {}, then {}", "{}; {}",
        "{}, and {}", "{}. After that, {}", "{}. {}", "{}, after that {}", "{}, and when that is done {}", "{}. Also, {}",
        "{}. Finally, {}", "{} - and {}", "{}, and afterwards {}", "once you're done with this: {}, please {}",
    ),
    "zh": (
        "{}，然后{}", "先{}，再{}", "{}，再{}", "{}，{}", "{}并{}", "{}，接着{}", "{}，最后{}", "{}，之后{}", "{}；{}",
        "{}，并且{}", "先{}，然后{}", "{}。然后{}", "{}后{}",
    ),
}  # fmt: skip
TURNED = {
    "en": ("before you {1}, {0}", "{1}, but {0} first", "{1} after you {0}", "{1}; before that, {0}", "{1}, but before that {0}"),
    "zh": ("在{1}之前，先{0}", "{1}，不过先{0}", "{1}之前请{0}"),
}  # fmt: skip
INPUTS = {
    "en": ("the input", "the input", "this text", "the text I gave you", "my text", "the given text", "the input text"),
    "zh": ("输入", "输入的内容", "这段文字", "我给的文字", "输入内容", "这段话"),
}  # fmt: skip
RESULTS = {
    "en": ("it", "it", "that", "the result", "this", "the outcome"),
    "zh": ("它", "结果", "这个结果", "这个"),
}
UNKNOWN = {
    "en": ("some {}", "a certain {}", "a {}", "some {} or other", "a {} of my choice", "the right {}"),
    "zh": ("某个{}", "一个{}", "某{}", "我选的{}", "指定的{}"),
}
ASK_ME = {
    "en": (
        "; ask me which {}", ", but ask me for the {}", "; you have to ask me for the {}", ". Ask me for the {} first",
        " - ask me which {} it is", ", I will tell you the {} when you ask", ". You'll need to ask me about the {}",
        "; check with me for the {}", ", and ask which {} I mean",
    ),
    "zh": ("，{}要问我", "，先问我{}", "。{}你问我", "，具体的{}请问我", "，{}问我一下"),
}  # fmt: skip
DECLARED = {
    "en": ("the {}", "the {}", "the given {}", "my {}", "the {} I gave", "that {}"),
    "zh": ("{}", "给定的{}", "这个{}", "我给的{}"),
}
MESSAGES = {
    "en": (
        "dinner is ready", "the train is late", "I will be there at six", "the meeting is moved to Monday", "we need more paper",
        "the parcel has arrived", "happy birthday", "the door was left open", "lunch is at noon today", "the roof is leaking again",
        "the results are in", "your order is ready", "we won", "I am running late", "the road is closed", "see you tomorrow",
        "the water is off until four", "practice is cancelled", "thank you for the flowers", "the new key is in the box",
        "tickets go on sale at nine", "the baby is asleep", "please bring a coat", "the car needs fuel", "all is well",
        "the printer is out of ink", "the game starts at eight", "nobody is at home", "good luck", "the shop closes early on Friday",
        "Hello world", "The quick brown fox jumps over the lazy dog", "Rain is expected all week", "Our sales grew by a third",
    ),
    "zh": (
        "晚饭好了", "火车晚点了", "我六点到", "会议改到周一", "包裹到了", "生日快乐", "门没关", "中午十二点吃饭", "屋顶又漏水了", "结果出来了",
        "我们赢了", "我会迟到", "路封了", "明天见", "今天停水", "训练取消了", "谢谢你的花", "票九点开售", "孩子睡着了", "一切顺利",
        "比赛八点开始", "家里没人", "祝你好运", "周五提前关门", "下周都有雨",
    ),
}  # fmt: skip
CONTEXTS = {
    "en": (
        "I am in a hurry. {}", "{} It's for tomorrow.", "Good morning! {}", "{} Thanks!", "One more thing: {}", "{} That's all.",
        "Okay, {}", "So, {}", "Hi there, {}", "{} Thank you.", "It's urgent: {}", "{} I keep forgetting.",
    ),
    "zh": ("你好，{}", "{}谢谢！", "早上好！{}", "对了，{}", "{}比较急。", "好的，{}"),
}  # fmt: skip
NUMBERS = {
    "en": {
        1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten",
        12: "twelve", 15: "fifteen", 20: "twenty", 30: "thirty", 40: "forty", 50: "fifty", 60: "sixty",
        90: "ninety", 100: "a hundred",
    },
    "zh": {
        1: "一", 2: "两", 3: "三", 4: "四", 5: "五", 6: "六", 7: "七", 8: "八", 9: "九", 10: "十", 12: "十二", 15: "十五",
        20: "二十", 25: "二十五", 30: "三十", 40: "四十", 45: "四十五", 50: "五十", 60: "六十", 80: "八十", 100: "一百",
    },
}  # fmt: skip
