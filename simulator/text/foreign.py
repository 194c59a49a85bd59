"""Rules of the other languages: smaller grammars with words of their own."""

from __future__ import annotations

SPANISH: dict[str, list[str]] = {
    "request": [
        "¿cómo puedo {accion} {cosa} {modo}?", "explícame {tema} de {cosa} {modo}", "escribe {texto} sobre {cosa} para {quien}",
        "¿por qué {cosa} {falla} {cuando}?", "dame {number} ideas para {accion} {cosa}", "¿cuánto cuesta {accion} {cosa} en {place}?",
        "resume esto en {number} frases: {frase}", "traduce al inglés: {frase}", "corrige este texto: {frase} {frase}",
        "necesito {accion} {cosa} antes del {date}, ¿por dónde empiezo?", "¿qué opinas de {product} si me importa {tema}?",
    ],
    "frase": ["{name} quiere {accion} {cosa} {modo}.", "En {place}, {cosa} {falla} {cuando}.", "El problema es {tema} de {cosa}.", "Pagamos {money} por {cosa} y {falla}."],
    "accion": ["arreglar", "preparar", "comparar", "vender", "organizar", "limpiar", "mejorar", "traducir", "cancelar", "pintar", "reservar", "planificar", "aprender"],
    "cosa": ["la lavadora", "un contrato de alquiler", "la cena del viernes", "un viaje en tren", "mi currículum", "el jardín", "la presentación", "una bicicleta vieja", "el examen de historia", "la factura de la luz", "un poema corto", "la receta de mi abuela", "el informe mensual", "una mudanza"],
    "tema": ["el precio", "la estructura", "el tono", "la garantía", "el plazo", "los errores", "la seguridad", "los ingredientes", "el tamaño", "la calidad"],
    "modo": ["sin gastar mucho", "en casa", "con niños pequeños", "paso a paso", "antes de {date}", "para {quien}", "sin {product}", "en {number} días", "de forma sencilla"],
    "texto": ["un correo", "un poema", "una carta formal", "un resumen", "un cuento breve", "un discurso", "una lista"],
    "quien": ["mi jefa", "un niño de ocho años", "{name}", "un cliente", "mi vecino", "la profesora", "todo el equipo"],
    "falla": ["no funciona", "tarda demasiado", "ha cambiado", "sale mal", "hace ruido", "cuesta más"],
    "cuando": ["desde el lunes", "cada mañana", "después de {date}", "cuando llueve", "en {place}", "desde que vino {name}"],
    "opening": ["hola,", "buenas,", "buenos días.", "una pregunta:", "{frase}", "soy de {place}."],
    "constraint": ["que sea corto.", "sin palabras difíciles.", "en una tabla.", "máximo {number} líneas.", "con ejemplos.", "en tono formal."],
    "closing": ["gracias", "muchas gracias", "un saludo, {name}", "gracias de antemano"],
    "followup": ["más corto, por favor", "¿y si {cosa} {falla}?", "ahora para {quien}", "no entiendo {tema}", "añade algo sobre {cosa}", "¿seguro?"],
}  # fmt: skip

GERMAN: dict[str, list[str]] = {
    "request": [
        "wie kann ich {sache} {weise} {tun}?", "erkläre mir {thema} bei {sachedat} {weise}", "schreib {text} über {sache} für {wen}",
        "warum {sachefehler} {wann}?", "gib mir {number} Ideen, um {sache} zu {tun}", "was kostet es, {sache} in {place} zu {tun}?",
        "fasse das in {number} Sätzen zusammen: {satz}", "übersetze ins Englische: {satz}", "korrigiere bitte: {satz} {satz}",
        "ich muss {sache} bis {date} {tun}, womit fange ich an?", "taugt {product} etwas, wenn mir {thema} wichtig ist?",
    ],
    "satz": ["{name} will {sache} {weise} {tun}.", "In {place} ist {thema} oft das Problem.", "Wir haben {money} für {sache} bezahlt.", "Seit {date} ist {thema} anders."],
    "tun": ["reparieren", "vorbereiten", "vergleichen", "verkaufen", "planen", "kündigen", "verbessern", "übersetzen", "streichen", "buchen", "erklären", "sortieren"],
    "sache": ["die Waschmaschine", "den Mietvertrag", "das Abendessen", "die Bahnreise", "meinen Lebenslauf", "den Garten", "die Präsentation", "das alte Fahrrad", "die Matheaufgabe", "die Stromrechnung", "ein kurzes Gedicht", "Omas Rezept", "den Monatsbericht", "den Umzug"],
    "sachedat": ["einer Waschmaschine", "einem Mietvertrag", "einer Bahnreise", "einem Lebenslauf", "einem Garten", "einer Präsentation", "einer Stromrechnung"],
    "thema": ["der Preis", "der Aufbau", "der Ton", "die Garantie", "die Frist", "die Sicherheit", "die Größe", "die Qualität", "der Zeitplan", "die Fehlersuche"],
    "weise": ["ohne viel Geld", "zu Hause", "mit kleinen Kindern", "Schritt für Schritt", "vor dem {date}", "ohne {product}", "in {number} Tagen", "ganz einfach"],
    "text": ["eine Mail", "ein Gedicht", "einen formellen Brief", "eine Zusammenfassung", "eine Kurzgeschichte", "eine Rede", "eine Checkliste"],
    "wen": ["meine Chefin", "ein achtjähriges Kind", "{name}", "einen Kunden", "den Nachbarn", "die Lehrerin", "das ganze Team"],
    "sachefehler": ["ist die Heizung so laut", "dauert die Lieferung so lange", "stimmt die Rechnung nicht", "geht der Drucker nicht", "schmeckt der Teig so fad", "werden die Blätter gelb"],
    "wann": ["seit Montag", "jeden Morgen", "nach dem {date}", "wenn es regnet", "in {place}", "seit {name} da war"],
    "opening": ["Hallo,", "Guten Tag,", "moin", "kurze Frage:", "{satz}", "ich komme aus {place}."],
    "constraint": ["bitte kurz.", "ohne Fachwörter.", "als Tabelle.", "höchstens {number} Zeilen.", "mit Beispielen.", "in höflichem Ton."],
    "closing": ["danke", "vielen Dank", "Grüße, {name}", "danke im Voraus"],
    "followup": ["kürzer bitte", "und für {wen}?", "das mit {sachedat} verstehe ich nicht", "noch etwas zu {sachedat}", "bist du sicher?", "jetzt bitte {weise}"],
}  # fmt: skip

FRENCH: dict[str, list[str]] = {
    "request": [
        "comment {faire} {chose} {maniere} ?", "explique-moi {sujet} de {chose} {maniere}", "écris {texte} sur {chose} pour {qui}",
        "pourquoi {chose} {panne} {quand} ?", "donne-moi {number} idées pour {faire} {chose}", "combien ça coûte de {faire} {chose} à {place} ?",
        "résume en {number} phrases : {phrase}", "traduis en anglais : {phrase}", "corrige ce texte : {phrase} {phrase}",
        "je dois {faire} {chose} avant le {date}, par où commencer ?", "que penses-tu de {product} pour {chose} ?",
    ],
    "phrase": ["{name} veut {faire} {chose} {maniere}.", "À {place}, {chose} {panne} {quand}.", "Le problème, c'est {sujet} de {chose}.", "Nous avons payé {money} pour {chose}."],
    "faire": ["réparer", "préparer", "comparer", "vendre", "organiser", "nettoyer", "améliorer", "traduire", "annuler", "réserver", "planifier", "apprendre"],
    "chose": ["la machine à laver", "un contrat de location", "le dîner de vendredi", "un voyage en train", "mon CV", "le jardin", "la présentation", "un vieux vélo", "l'examen d'histoire", "la facture", "un petit poème", "la recette de ma grand-mère", "le rapport mensuel"],
    "sujet": ["le prix", "la structure", "le ton", "la garantie", "le délai", "la sécurité", "la taille", "la qualité"],
    "maniere": ["sans trop dépenser", "à la maison", "avec des enfants", "étape par étape", "avant le {date}", "sans {product}", "en {number} jours", "simplement"],
    "texte": ["un mail", "un poème", "une lettre officielle", "un résumé", "une nouvelle", "un discours", "une liste"],
    "qui": ["ma cheffe", "un enfant de huit ans", "{name}", "un client", "mon voisin", "la maîtresse", "toute l'équipe"],
    "panne": ["ne marche plus", "prend trop de temps", "a changé", "fait du bruit", "coûte plus cher"],
    "quand": ["depuis lundi", "chaque matin", "après le {date}", "quand il pleut", "à {place}", "depuis l'arrivée de {name}"],
    "opening": ["bonjour,", "salut", "une question :", "{phrase}", "j'habite à {place}."],
    "constraint": ["en bref.", "sans jargon.", "sous forme de tableau.", "{number} lignes maximum.", "avec des exemples."],
    "closing": ["merci", "merci beaucoup", "cordialement, {name}", "merci d'avance"],
    "followup": ["plus court s'il te plaît", "et pour {qui} ?", "je ne comprends pas {sujet}", "ajoute {chose}", "tu es sûr ?", "et si {chose} {panne} ?"],
}  # fmt: skip

PORTUGUESE: dict[str, list[str]] = {
    "request": [
        "como posso {fazer} {coisa} {modo}?", "explica {tema} de {coisa} {modo}", "escreve {texto} sobre {coisa} para {quem}",
        "por que {coisa} {falha} {quando}?", "me dá {number} ideias para {fazer} {coisa}", "quanto custa {fazer} {coisa} em {place}?",
        "resume em {number} frases: {frase}", "traduz para inglês: {frase}", "corrige este texto: {frase} {frase}",
        "preciso {fazer} {coisa} até {date}, por onde começo?",
    ],
    "frase": ["{name} quer {fazer} {coisa} {modo}.", "Em {place}, {coisa} {falha} {quando}.", "O problema é {tema} de {coisa}.", "Pagamos {money} por {coisa}."],
    "fazer": ["consertar", "preparar", "comparar", "vender", "organizar", "limpar", "melhorar", "traduzir", "cancelar", "reservar", "planejar"],
    "coisa": ["a máquina de lavar", "um contrato de aluguel", "o jantar de sexta", "uma viagem de trem", "meu currículo", "o jardim", "a apresentação", "a prova de história", "a conta de luz", "um poema curto", "o relatório mensal"],
    "tema": ["o preço", "a estrutura", "o tom", "a garantia", "o prazo", "a segurança", "o tamanho", "a qualidade"],
    "modo": ["sem gastar muito", "em casa", "com crianças", "passo a passo", "antes de {date}", "sem {product}", "em {number} dias"],
    "texto": ["um e-mail", "um poema", "uma carta formal", "um resumo", "um conto", "um discurso"],
    "quem": ["minha chefe", "uma criança de oito anos", "{name}", "um cliente", "o vizinho", "a equipe toda"],
    "falha": ["não funciona", "demora demais", "mudou", "faz barulho", "ficou mais caro"],
    "quando": ["desde segunda", "toda manhã", "depois de {date}", "quando chove", "em {place}"],
    "opening": ["oi,", "olá,", "bom dia.", "uma dúvida:", "{frase}"],
    "constraint": ["curto, por favor.", "sem termos difíceis.", "em tabela.", "no máximo {number} linhas.", "com exemplos."],
    "closing": ["obrigado", "obrigada!", "valeu", "abraço, {name}"],
    "followup": ["mais curto por favor", "e para {quem}?", "não entendi {tema}", "acrescenta {coisa}", "tem certeza?"],
}  # fmt: skip

JAPANESE: dict[str, list[str]] = {
    "request": [
        "{mono}を{suru}方法を教えてください。", "{mono}の{koto}について{dare}に説明してください。", "{mono}について{bun}を書いて。",
        "{itsu}から{mono}が{dame}。どうすればいい？", "{mono}を{suru}アイデアを{number}個ください。", "次の文を英語に訳して：{kaki}",
        "{place}で{mono}を{suru}といくらかかりますか？", "この文章を直して：{kaki}{kaki}",
    ],
    "kaki": ["{name}さんは{mono}を{suru}つもりです。", "{place}では{mono}の{koto}が問題です。", "{itsu}に{money}払いました。"],
    "mono": ["洗濯機", "履歴書", "夕食", "電車の旅", "庭", "発表資料", "自転車", "歴史の宿題", "電気代の請求書", "短い詩", "月次報告", "引っ越し"],
    "suru": ["直す", "準備する", "比べる", "売る", "計画する", "翻訳する", "予約する", "片付ける", "改善する"],
    "koto": ["値段", "構成", "保証", "期限", "安全性", "大きさ", "品質", "書き方"],
    "dare": ["八歳の子ども", "上司", "お客様", "隣の人", "初心者"],
    "bun": ["メール", "詩", "要約", "短い物語", "お礼の手紙", "スピーチ"],
    "itsu": ["月曜日", "昨日", "先週", "{date}"],
    "dame": ["動きません", "おかしいです", "遅いです", "高くなりました"],
    "opening": ["こんにちは。", "すみません、", "質問です。", "{kaki}"],
    "constraint": ["短くお願いします。", "表にしてください。", "{number}行以内で。", "例も入れてください。"],
    "closing": ["よろしくお願いします。", "ありがとうございます。"],
    "followup": ["もっと短く", "{dare}向けにしてください", "{koto}がよく分かりません", "本当ですか？", "{mono}の場合は？"],
}  # fmt: skip

LANGUAGES = {"es": SPANISH, "de": GERMAN, "fr": FRENCH, "pt": PORTUGUESE, "ja": JAPANESE}
