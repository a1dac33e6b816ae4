/**
 * O que o painel diz à página, e o que ela pede. Um fluxo de eventos do servidor (SSE) em
 * `/fluxo` leva {@linkcode Foto}s e {@linkcode Acontecimento}s; um POST em `/pedido` leva um
 * {@linkcode Pedido}. A página não guarda nada que uma recarga perca: quem se liga recebe primeiro
 * tudo o que ainda está no histórico do painel.
 *
 * As horas são milissegundos desde o início da corrida, no relógio do painel.
 *
 * No fluxo, `event: foto` leva uma {@linkcode Foto} e `event: lote` um array de
 * {@linkcode Acontecimento}s; cada ligação começa do princípio. `/` é `pagina/index.html`;
 * `/pagina/X` vem de `exemplos/painel/pagina/`, `/ferramentas/diagrama/X.ts` de onde diz (a página
 * importa `../../../ferramentas/diagrama/X.ts`, que um navegador corta na raiz), e `/lib/texto.ts`,
 * que essas importam, também.
 *
 * @module
 */

import type { Conteudo } from "../../ferramentas/diagrama/setas.ts";

/** Um processo que se desenha: `s1`, `s2`, `s3`, `x`, `y`; de um rastro, o nome que lá tem. */
export type Quem = string;

/** Uma linha da tabela de um servidor. */
export interface Linha {
  readonly key: string;
  readonly value: string;
  readonly timestamp: number;
  /** Se todos a têm, que se saiba: o PUT_OK já saiu do líder, ou este servidor a tinha ao voltar. */
  readonly confirmada: boolean;
}

/** Um servidor como está. */
export interface FotoDoServidor {
  readonly quem: Quem;
  readonly nome: string;
  readonly endereco: string;
  readonly vivo: boolean;
  readonly lider: boolean;
  readonly emDia: boolean;
  /** Milissegundos de atraso deste servidor em tudo o que recebe. */
  readonly atraso: number;
  /** As keys mais novas, as mais novas primeiro; `outras` conta as que não cabem. */
  readonly tabela: readonly Linha[];
  readonly outras: number;
}

/** Um cliente como está. */
export interface FotoDoCliente {
  readonly quem: Quem;
  readonly nome: string;
  /** O maior timestamp que viu de cada key. */
  readonly timestamps: readonly { readonly key: string; readonly timestamp: number }[];
  /** O último resultado, como a console o diria, ou o pedido que espera. */
  readonly situacao: string;
}

/** Um elo entre dois processos, nos dois sentidos. */
export interface FotoDoElo {
  readonly de: Quem;
  readonly para: Quem;
  /** Milissegundos que cada mensagem demora, em cada sentido. */
  readonly ida: number;
  readonly volta: number;
  readonly cortado: boolean;
}

/** Uma cena que corre, ou que acabou. */
export interface CenaVista extends Cena {
  readonly acabou: boolean;
  /** Por que não chegou ao fim; vazio, chegou. */
  readonly falha: string;
}

/** Tudo o que não são mensagens nem linhas de console, num instante. */
export interface Foto {
  /** Cresce sempre: a ordem das fotos e dos acontecimentos, juntos. */
  readonly n: number;
  readonly quando: number;
  readonly servidores: readonly FotoDoServidor[];
  readonly clientes: readonly FotoDoCliente[];
  readonly elos: readonly FotoDoElo[];
  /** Milissegundos que todos os elos demoram a mais. */
  readonly tudo: number;
  /** Se as mensagens esperam, no retransmissor, que se peça a próxima. */
  readonly passo: boolean;
  /** Se os sinais de vida também se contam: são muitos, e encheriam o histórico. */
  readonly pulsos: boolean;
  /** Quantas esperam por isso. */
  readonly esperam: number;
  /** A cena que está a correr, ou a última, até se recomeçar; e o que ela diz que se olhe. */
  readonly cena: CenaVista | undefined;
  /** Se esta corrida tem comandos; uma vista pelos seus rastros não tem. */
  readonly comandos: boolean;
  /** Se só se revê: todos os acontecimentos já vieram. */
  readonly gravada: boolean;
}

/** Uma coisa que aconteceu. */
export type Acontecimento =
  /** Uma mensagem saiu; `chega` é quando se sabe que vai chegar, se já se sabe. */
  | {
    readonly n: number;
    readonly quando: number;
    readonly tipo: "saiu";
    /** O número da mensagem. */
    readonly id: number;
    readonly de: Quem;
    readonly para: Quem;
    readonly mensagem: Conteudo;
    readonly chega: number | undefined;
  }
  /** Uma mensagem chegou, ou nunca chegará. */
  | {
    readonly n: number;
    readonly quando: number;
    readonly tipo: "chegou" | "perdeu-se";
    readonly id: number;
  }
  /** Uma linha que um servidor mostrou; `erro` se em stderr. */
  | {
    readonly n: number;
    readonly quando: number;
    readonly tipo: "linha";
    readonly quem: Quem;
    readonly texto: string;
    readonly erro: boolean;
  }
  /** Mensagens demais para mostrar, de uma vez: quantas não vieram. */
  | {
    readonly n: number;
    readonly quando: number;
    readonly tipo: "mais";
    readonly quantas: number;
  };

/** O que a página pede por POST, em JSON; a resposta é `{}` ou `{"erro": "…"}` com 400. */
export type Pedido =
  /** `servidor` é o escolhido; sem ele, um sorteado, como o enunciado diz. */
  | {
    readonly pedir: "PUT";
    readonly cliente: Quem;
    readonly key: string;
    readonly value: string;
    readonly servidor?: Quem;
  }
  | {
    readonly pedir: "GET";
    readonly cliente: Quem;
    readonly key: string;
    readonly servidor?: Quem;
  }
  /** Milissegundos, de 0 a 10 000, de um elo, de um servidor ou de tudo. */
  | {
    readonly pedir: "atraso-elo";
    readonly de: Quem;
    readonly para: Quem;
    readonly sentido: "ida" | "volta" | "os dois";
    readonly ms: number;
  }
  | { readonly pedir: "atraso-servidor"; readonly servidor: Quem; readonly ms: number }
  | { readonly pedir: "atraso-tudo"; readonly ms: number }
  | { readonly pedir: "cortar" | "sarar"; readonly de: Quem; readonly para: Quem }
  /** SIGKILL. */
  | { readonly pedir: "matar"; readonly servidor: Quem }
  /** Com `dados`, da sua pasta; sem, na memória, vazio. */
  | { readonly pedir: "iniciar"; readonly servidor: Quem; readonly dados: boolean }
  | { readonly pedir: "passo"; readonly ligado: boolean }
  /** Contar também os sinais de vida. */
  | { readonly pedir: "pulsos"; readonly ligado: boolean }
  /** A próxima mensagem que espera; ou uma, pelo número. */
  | { readonly pedir: "proxima"; readonly id?: number }
  | { readonly pedir: "cena"; readonly cena: string }
  /** Três servidores novos e vazios, dois clientes novos, nenhum atraso. */
  | { readonly pedir: "recomecar" };

/** Uma cena pronta, como a página a oferece; vêm em `/cenas`. */
export interface Cena {
  readonly id: string;
  readonly titulo: string;
  /** Uma frase: o que olhar. */
  readonly olhe: string;
}
